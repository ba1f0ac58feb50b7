import { processIo } from './process-io.ts';
import { runProgram } from './program.ts';

const io = processIo(process);
const status = await runProgram(process.argv.slice(2), io);
// What was written is let out first; then nothing that was left open may keep a finished command alive.
for (const stream of [io.stdout, io.stderr]) {
  await new Promise<void>((resolve) => {
    stream.write('', () => resolve());
  });
}
process.exit(status);
