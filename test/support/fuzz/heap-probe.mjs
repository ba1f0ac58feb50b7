// Preloaded into a gateway: collects its garbage when it is told to, and says what is left.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');

process.on('message', (message) => {
  if (message.kind !== 'heap') return;
  collect();
  setImmediate(() => {
    collect();
    process.send({ kind: 'heap', id: message.id, bytes: process.memoryUsage().heapUsed });
  });
});
// The channel to the test must not keep a gateway alive that wants to end.
process.channel?.unref();
