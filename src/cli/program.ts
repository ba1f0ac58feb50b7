import type { Command } from './command.ts';
import { printable } from './display-width.ts';
import { CliError, EXIT, usageError } from './exit-status.ts';
import { printHelp, runCommand } from './help.ts';
import { write, writeLine, type CliIo } from './io.ts';
import { didYouMean } from './did-you-mean.ts';

interface Entry {
  readonly name: string;
  readonly synopsis: string;
  readonly summary: string;
  /** Loads the command's module, and with it only what that command needs. */
  readonly load: () => Promise<Command>;
}

const COMMANDS: readonly Entry[] = [
  {
    name: 'run',
    synopsis: 'run --config FILE',
    summary: 'run the gateway in the foreground',
    load: async () => (await import('./run.ts')).runCommand,
  },
  {
    name: 'check-config',
    synopsis: 'check-config --config FILE',
    summary: 'print every effective key, its value and where it came from',
    load: async () => (await import('./check-config.ts')).checkConfigCommand,
  },
  {
    name: 'status',
    synopsis: 'status [--json] [--watch]',
    summary: 'the peers, what is held and what is outgoing',
    load: async () => (await import('./status.ts')).statusCommand,
  },
  {
    name: 'events',
    synopsis: 'events [--follow] [--json]',
    summary: 'the event log, newest last',
    load: async () => (await import('./events.ts')).eventsCommand,
  },
  {
    name: 'snapshots',
    synopsis: 'snapshots list|get|put|delete|request',
    summary: 'outgoing and held snapshots',
    load: async () => (await import('./snapshots.ts')).snapshotsCommand,
  },
  {
    name: 'watermarks',
    synopsis: 'watermarks [PEER]',
    summary: "how far the application here, or PEER's, has got",
    load: async () => (await import('./watermarks.ts')).watermarksCommand,
  },
  {
    name: 'ownership',
    synopsis: 'ownership [--json]',
    summary: 'who owns the work, and what somebody should do about it',
    load: async () => (await import('./ownership.ts')).ownershipCommand,
  },
  {
    name: 'failover',
    synopsis: 'failover WORKLOAD --to DC [--force]',
    summary: 'move the ownership of a workload: switchover, takeover by hand, fail-back',
    load: async () => (await import('./failover.ts')).failoverCommand,
  },
  {
    name: 'ack',
    synopsis: 'ack WORKLOAD',
    summary: 'an operator has seen the last takeover or the conflict of WORKLOAD',
    load: async () => (await import('./ack.ts')).ackCommand,
  },
  {
    name: 'deliver',
    synopsis: 'deliver PEER [--origin O]...',
    summary: 'deliver to the application here what is held from PEER',
    load: async () => (await import('./deliver.ts')).deliverCommand,
  },
  {
    name: 'return',
    synopsis: 'return PEER',
    summary: 'send what is held from PEER back to it',
    load: async () => (await import('./return.ts')).returnCommand,
  },
  {
    name: 'sync',
    synopsis: 'sync PEER [--wait]',
    summary: "ask PEER's application for fresh snapshots, until they are held here",
    load: async () => (await import('./sync.ts')).syncCommand,
  },
  {
    name: 'verify',
    synopsis: 'verify PEER [--repair]',
    summary: 'compare what went out with what PEER holds, and send again what differs',
    load: async () => (await import('./verify.ts')).verifyCommand,
  },
  {
    name: 'history',
    synopsis: 'history [--limit N] [--json]',
    summary: 'every decision, by whom, and what it was made from',
    load: async () => (await import('./history.ts')).historyCommand,
  },
  {
    name: 'shutdown',
    synopsis: 'shutdown [--snapshot]',
    summary: 'tell every peer, then stop the gateway',
    load: async () => (await import('./shutdown.ts')).shutdownCommand,
  },
  {
    name: 'keys',
    synopsis: 'keys generate|rotate|ca|inspect',
    summary: 'keys and certificates, with which the peers know each other',
    load: async () => (await import('./keys.ts')).keysCommand,
  },
  {
    name: 'demo',
    synopsis: 'demo [--keep]',
    summary: 'two gateways and two applications on this machine: watch a takeover',
    load: async () => (await import('./demo.ts')).demoCommand,
  },
];

/**
 * Runs one command line and gives its exit status. Whatever goes wrong ends here, as one line on stderr.
 *
 * @param argv without the program's own name
 */
export async function runProgram(argv: readonly string[], io: CliIo): Promise<number> {
  try {
    return await dispatch(argv, io);
  } catch (error) {
    if (error instanceof CliError) {
      await writeLine(io.stderr, `crossdc: ${error.message}`);
      return error.status;
    }
    // A defect: the stack is all that helps whoever mends it.
    await writeLine(
      io.stderr,
      `crossdc: unexpected ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    );
    return EXIT.failed;
  }
}

async function dispatch(argv: readonly string[], io: CliIo): Promise<number> {
  const [name, ...rest] = argv;
  if (name === undefined) {
    await write(io.stderr, programHelp());
    return EXIT.usage;
  }
  if (name === '--help' || name === '-h' || (name === 'help' && rest.length === 0)) {
    await write(io.stdout, programHelp());
    return EXIT.done;
  }
  if (name === '--version') {
    const { packageVersion } = await import('./version.ts');
    await writeLine(io.stdout, await packageVersion());
    return EXIT.done;
  }
  const entry = COMMANDS.find((command) => command.name === (name === 'help' ? rest[0] : name));
  if (entry === undefined) throw unknownCommand(name === 'help' ? (rest[0] ?? name) : name);
  const command = await entry.load();
  if (name === 'help') return printHelp(command, io);
  return runCommand(command, rest, io);
}

function unknownCommand(name: string): CliError {
  const what = name.startsWith('-') ? 'option' : 'command';
  const known = what === 'option' ? ['--help', '--version'] : COMMANDS.map((command) => command.name);
  return usageError(`unknown ${what} "${printable(name)}"${didYouMean(name, known)} (crossdc --help)`);
}

function programHelp(): string {
  const width = Math.max(...COMMANDS.map((command) => command.synopsis.length));
  const lines = COMMANDS.map((command) => `  crossdc ${command.synopsis.padEnd(width)}  ${command.summary}`);
  return `\
crossdc ships an application's state between data centres and hands it over when one of them dies.

${lines.join('\n')}
  crossdc ${'--version'.padEnd(width)}  the version of this program
  crossdc ${'COMMAND --help'.padEnd(width)}  a command's options

The commands from status to shutdown find the gateway by --url, else CROSSDC_URL, else http://127.0.0.1:25090; its
token, where it wants one, by --token-file or CROSSDC_TOKEN.
Exit status: 0 done, 1 failed while running, 2 wrong usage, 69 gateway not reachable, 78 bad configuration.
`;
}
