// Runs programs for a test and ends them with it, whatever it died of: the channel to the test's process closes then, which
// needs nobody's cooperation. A child alone could not do it: PostgreSQL's server outlives the process that started it, and
// a stopped one would stay stopped for ever. Started with node:child_process's fork; the first argument is a folder that
// goes with the last program.
'use strict';
const { execFileSync, spawn } = require('node:child_process');
const { closeSync, existsSync, openSync, readFileSync, readdirSync, rmSync } = require('node:fs');

/** For a program to end by itself before it is killed. */
const PATIENCE_MS = 2000;

const folder = process.argv[2];
/** The program that runs now; one at a time. */
let running = null;

function run({ program, args, env, cwd, uid, gid, output }) {
  const file = openSync(output, 'a', 0o644);
  const user = uid === null ? {} : { uid, gid };
  const child = spawn(program, args, { env, cwd, ...user, stdio: ['ignore', file, file] });
  closeSync(file);
  running = child;
  const ended = (end) => {
    if (running === child) running = null;
    if (process.connected) process.send({ ended: end });
  };
  child.once('error', (error) => ended({ status: null, signal: null, error: error.message }));
  child.once('exit', (status, signal) => ended({ status, signal, error: null }));
  return child.pid ?? null;
}

/** [process, its parent] of everything that runs on this machine. */
function processes() {
  if (!existsSync('/proc/self/stat')) {
    const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' }).trim().split('\n');
    return lines.map((line) => line.trim().split(/\s+/).map(Number));
  }
  return readdirSync('/proc').flatMap((name) => {
    if (!/^[0-9]+$/.test(name)) return [];
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'latin1');
      return [[Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])]];
    } catch {
      return []; // It ended while we looked.
    }
  });
}

function kill(pid, signal) {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}

/** The program is stopped first, so that it starts no child that we would not see, and outlives none. */
function signalAll(signal) {
  if (running === null) return;
  const { pid } = running;
  if (signal !== 'SIGCONT') kill(pid, 'SIGSTOP');
  for (const [child, parent] of processes()) if (parent === pid) kill(child, signal);
  kill(pid, signal);
}

process.on('message', ({ id, run: what, signal, all }) => {
  let pid = null;
  if (what !== undefined) pid = run(what);
  else if (running !== null && all) signalAll(signal);
  else if (running !== null) kill(running.pid, signal);
  process.send({ id, pid });
});

process.once('disconnect', () => {
  const last = () => {
    rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
    process.exit();
  };
  if (running === null) return last();
  running.once('exit', last);
  // At once, but with time to give back what no folder holds: PostgreSQL's shared memory.
  signalAll('SIGCONT');
  kill(running.pid, 'SIGQUIT');
  setTimeout(signalAll, PATIENCE_MS, 'SIGKILL');
});

// A test run is ended at the terminal, too: whoever started us closes the channel then.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => undefined);
