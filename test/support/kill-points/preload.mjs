// Loaded into a gateway before its own program (`node --import`), by tests alone: names every durable step that the
// process takes, and ends it at one of them, really (SIGKILL), before the step or after it. The program itself has no
// hooks; what it calls is wrapped: the file system's promises, the statements of `pg`, the answers of `node:http`.
//
// The parent talks to it over the IPC channel:
//   { arm: { kill: LABEL | null, ignore: [PATTERN, …] } }   answered { armed: true } once what a start does by itself is over
//   { disarm: true }                                        answered { passed: [LABEL, …] } once what was under way is over
import fs from 'node:fs/promises';
import { ServerResponse } from 'node:http';
import { createRequire, syncBuiltinESMExports } from 'node:module';
import { dirname, join, relative, sep } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { answerOf, batchOf, contentOf, placeOf, statementOf } from './labels.mjs';

const root = process.env.KILL_POINTS_ROOT ?? '';

/** null while nothing is counted. */
let armed = null;
let counts = new Map();
let passed = [];
/** Steps that have begun and not ended, counted or not. */
let underWay = 0;

/** The labels before and after one step; occurrences are numbered from the second one on. */
function stepOf(name) {
  if (armed === null || name === null || armed.ignore.some((pattern) => pattern.test(name))) return null;
  const count = (counts.get(name) ?? 0) + 1;
  counts.set(name, count);
  return count === 1 ? name : `${name} (${count})`;
}

function pass(when, step) {
  if (step === null || armed === null) return;
  const label = `${when} ${step}`;
  passed.push(label);
  // It does not return: nothing of this process happens after it.
  if (armed.kill === label) process.kill(process.pid, 'SIGKILL');
}

async function taken(name, work) {
  const step = stepOf(name);
  underWay += 1;
  try {
    pass('before', step);
    const result = await work();
    pass('after', step);
    return result;
  } finally {
    underWay -= 1;
  }
}

// ---- files

/** What was last written through a handle, or into a temp file, by path: its later steps are named by it. */
const contents = new Map();
const paths = new WeakMap();
/** Stores whose probe at the start is over: a temp file that was made and removed again. */
const probed = new Set();
const temps = new Set();

function place(path) {
  return placeOf(relative(root, String(path)).split(sep), contents.get(String(path)) ?? null);
}

function named(operation, path) {
  const where = place(path);
  return where === null ? null : `${operation} ${where}`;
}

const original = { ...fs };

fs.open = async (path, flags, mode) => {
  const handle = await original.open(path, flags, mode);
  paths.set(handle, String(path));
  if (flags === 'wx' && String(path).includes(`${sep}.tmp${sep}`)) temps.add(String(path));
  return handle;
};

fs.rename = (from, to) => {
  // What the file has goes along under its new name.
  const content = contents.get(String(from));
  contents.delete(String(from));
  temps.delete(String(from));
  if (content === undefined) contents.delete(String(to));
  else contents.set(String(to), content);
  // What makes a record's name durable is named by the record, as each of its steps is.
  if (String(to).startsWith(join(root, 'records'))) contents.set(dirname(String(to)), content);
  return taken(named('rename', to), () => original.rename(from, to));
};

fs.unlink = async (path) => {
  await taken(named('unlink', path), () => original.unlink(path));
  contents.delete(String(path));
  if (temps.delete(String(path))) probed.add(relative(root, String(path)).split(sep)[0]);
};

fs.mkdir = (path, options) => taken(named('mkdir', path), () => original.mkdir(path, options));
fs.rmdir = (path) => taken(named('rmdir', path), () => original.rmdir(path));

const sample = await original.open(new URL(import.meta.url), 'r');
const FileHandle = Object.getPrototypeOf(sample);
await sample.close();

function wrapHandle(method, operation, look = () => undefined) {
  const inner = FileHandle[method];
  FileHandle[method] = function (...args) {
    const path = paths.get(this);
    if (path === undefined) return inner.apply(this, args);
    look(path, args[0]);
    return taken(named(operation, path), () => inner.apply(this, args));
  };
}

function lookAt(path, data) {
  const [bytes] = Array.isArray(data) ? data : [data];
  // A large content is written in several calls; the first tells what it is. The event log goes on for ever.
  if (path.endsWith('.jsonl')) contents.set(path, batchOf(bytes));
  else if (!contents.has(path)) contents.set(path, contentOf(bytes));
}

wrapHandle('write', 'write', lookAt);
wrapHandle('writev', 'write', lookAt);
wrapHandle('datasync', 'sync');
wrapHandle('sync', 'sync');
wrapHandle('truncate', 'truncate');
syncBuiltinESMExports();

// ---- answers

const { end } = ServerResponse.prototype;
ServerResponse.prototype.end = function (...args) {
  const step = stepOf(answerOf(this.req, this.statusCode));
  pass('before', step);
  const result = end.apply(this, args);
  pass('after', step);
  return result;
};

// ---- PostgreSQL

const { Client } = createRequire(import.meta.url)('pg');
const { connect, query } = Client.prototype;
// A login is no step, but what it is for follows it.
Client.prototype.connect = function (...args) {
  return taken(null, () => connect.apply(this, args));
};
Client.prototype.query = function (...args) {
  const name = statementOf(args[0]);
  // A COPY out changes nothing; its stream is the answer.
  if (typeof args[0]?.submit === 'function') return query.apply(this, args);
  const callback = args.at(-1);
  if (typeof callback !== 'function') return taken(name, () => query.apply(this, args));
  const result = taken(
    name,
    () =>
      new Promise((resolve) => {
        query.apply(this, [...args.slice(0, -1), (error, answer) => resolve({ error, answer })]);
      }),
  );
  void result.then(({ error, answer }) => callback(error, answer));
  return undefined;
};

// ---- the parent

/** At every start each store is probed once and a record is written; a story begins after that. */
async function quiet() {
  const started = ['outgoing', 'held', 'returned'].filter((store) => !store === process.env.KILL_POINTS_WITHOUT);
  const isQuiet = () => started.every((store) => probed.has(store)) && underWay === 0;
  for (let turns = 0; turns < 3; turns = isQuiet() ? turns + 1 : 0) await nextTurn();
}

process.on('message', async (message) => {
  if (message.arm !== undefined) {
    await quiet();
    counts = new Map();
    passed = [];
    armed = { kill: message.arm.kill, ignore: message.arm.ignore.map((pattern) => new RegExp(pattern)) };
    process.send({ armed: true });
  } else if (message.disarm !== undefined) {
    if (armed !== null) armed.kill = null;
    while (underWay > 0) await nextTurn();
    armed = null;
    process.send({ passed });
  }
});
// The channel does not keep the gateway from ending by itself.
process.channel?.unref();
