import type { Command } from './command.ts';
import { didYouMean } from './did-you-mean.ts';
import { printable } from './display-width.ts';
import { usageError } from './exit-status.ts';
import { printHelp, runCommand } from './help.ts';

interface Group {
  /** As it is typed: `snapshots`, `keys ca`. */
  readonly name: string;
  readonly help: string;
  /** The commands under it, each loaded only when it is called. */
  readonly commands: Readonly<Record<string, () => Promise<Command>>>;
}

/** A command whose first argument names one of several others. */
export function commandGroup({ name: group, help, commands }: Group): Command {
  const command: Command = {
    hasSubcommands: true,
    help,
    async run(argv, io) {
      const [name, ...rest] = argv;
      if (name === '--help' || name === '-h') return printHelp(command, io);
      const names = Object.keys(commands);
      if (name === undefined) throw usageError(`${group} needs one of ${names.join(', ')} (crossdc ${group} --help)`);
      const load = Object.hasOwn(commands, name) ? commands[name] : undefined;
      if (load !== undefined) return runCommand(await load(), rest, io);
      throw usageError(
        `unknown command "${group} ${printable(name)}"${didYouMean(name, names)} (crossdc ${group} --help)`,
      );
    },
  };
  return command;
}
