// Loaded into a gateway before its own program (`node --import`), by tests alone: calls of the file system fail, or never
// return, below a folder and for as long as the test says. What the program calls is wrapped: the promises of node:fs.
//
// The parent says over the IPC channel, and is answered { told: N } with the number of what it said:
//   { fail: { calls: ['open', 'write', 'sync', 'read', 'rename'], below: FOLDER, code: 'EIO' | 'hang' } }
//   { heal: true }      what hangs goes on then
import fs from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';

let failure = null;
let hanging = [];
let told = 0;

async function passed(call, path) {
  if (failure === null || !failure.calls.includes(call) || !String(path).startsWith(failure.below)) return;
  const { code } = failure;
  if (code === 'hang') await new Promise((resolve) => hanging.push(resolve));
  else throw Object.assign(new Error(`${code}: told to fail, ${call}`), { code, syscall: call });
}

const original = { ...fs };
const paths = new WeakMap();

fs.open = async (path, ...args) => {
  await passed('open', path);
  const handle = await original.open(path, ...args);
  paths.set(handle, String(path));
  return handle;
};
fs.rename = async (from, to) => {
  await passed('rename', to);
  await original.rename(from, to);
};

const sample = await original.open(new URL(import.meta.url), 'r');
const FileHandle = Object.getPrototypeOf(sample);
await sample.close();
for (const [method, call] of [
  ['write', 'write'],
  ['writev', 'write'],
  ['sync', 'sync'],
  ['datasync', 'sync'],
  ['read', 'read'],
]) {
  const inner = FileHandle[method];
  FileHandle[method] = async function (...args) {
    await passed(call, paths.get(this) ?? '');
    return inner.apply(this, args);
  };
}
syncBuiltinESMExports();

process.on('message', (message) => {
  if (message.fail !== undefined) failure = message.fail;
  else if (message.heal !== undefined) {
    failure = null;
    for (const goOn of hanging.splice(0)) goOn();
  } else return;
  told += 1;
  process.send({ told });
});
// The channel does not keep the gateway from ending by itself.
process.channel?.unref();
