import type { Command } from './command.ts';
import { EXIT } from './exit-status.ts';
import { write, type CliIo } from './io.ts';

/** Runs a command, or prints its help: also for a command that has commands of its own. */
export async function runCommand(command: Command, argv: readonly string[], io: CliIo): Promise<number> {
  return wantsHelp(argv) && command.hasSubcommands !== true ? printHelp(command, io) : command.run(argv, io);
}

export async function printHelp(command: Command, io: CliIo): Promise<number> {
  await write(io.stdout, typeof command.help === 'string' ? command.help : await command.help());
  return EXIT.done;
}

/** Help is given whatever else stands on the line: who asks for it may not know the rest. */
function wantsHelp(argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  return argv.slice(0, end === -1 ? undefined : end).some((argument) => argument === '--help' || argument === '-h');
}
