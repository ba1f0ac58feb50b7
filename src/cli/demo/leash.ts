/**
 * Loaded into a gateway of the demo before its own program (`node --import`): ends it when the demo is gone, whatever
 * the demo died of. stdin is a pipe that only the demo holds open; its end needs nobody's cooperation.
 */
function end(): void {
  process.kill(process.pid, 'SIGKILL');
}

process.stdin.on('end', end).on('close', end).on('error', end).resume();
// It does not keep the gateway from ending by itself. A pipe is a socket to Node.js, which its types do not say.
if ('unref' in process.stdin && typeof process.stdin.unref === 'function') process.stdin.unref();

export {};
