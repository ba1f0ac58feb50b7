import type { Command } from './command.ts';
import { didYouMean } from './did-you-mean.ts';
import { printable } from './display-width.ts';
import { usageError } from './exit-status.ts';
import { printHelp, runCommand } from './help.ts';

/** The commands under `crossdc snapshots`, each loaded only when it is called. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  list: async () => (await import('./snapshots/list.ts')).listCommand,
  get: async () => (await import('./snapshots/get.ts')).getCommand,
  put: async () => (await import('./snapshots/put.ts')).putCommand,
  delete: async () => (await import('./snapshots/delete.ts')).deleteCommand,
  request: async () => (await import('./snapshots/request.ts')).requestCommand,
};

export const snapshotsCommand: Command = {
  hasSubcommands: true,
  help: `\
crossdc snapshots COMMAND

  list      what is outgoing, or held from a peer
  get       write a snapshot's bytes to stdout or a file
  put       post a snapshot, as the application does
  delete    withdraw an origin here and at the peers
  request   ask the application for snapshots now

crossdc snapshots COMMAND --help shows a command's options.
`,
  async run(argv, io) {
    const [name, ...rest] = argv;
    if (name === '--help' || name === '-h') return printHelp(snapshotsCommand, io);
    const names = Object.keys(COMMANDS);
    if (name === undefined) throw usageError(`snapshots needs one of ${names.join(', ')} (crossdc snapshots --help)`);
    const load = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
    if (load !== undefined) return runCommand(await load(), rest, io);
    throw usageError(
      `unknown command "snapshots ${printable(name)}"${didYouMean(name, names)} (crossdc snapshots --help)`,
    );
  },
};
