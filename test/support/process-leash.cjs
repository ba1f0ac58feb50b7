// Runs programs for a test and ends them with it, whatever it died of: the channel to the test's process closes then, which
// needs nobody's cooperation. A child alone could not do it: PostgreSQL's server outlives the process that started it, and
// a stopped one would stay stopped for ever. Started with node:child_process's fork; the first argument is a folder that
// goes with the last program.
'use strict';
const { execFileSync, spawn } = require('node:child_process');
const { closeSync, existsSync, openSync, readFileSync, readdirSync, rmSync } = require('node:fs');

/** For a program to end by itself before it is killed. */
const PATIENCE_MS = 2000;
const POLL_MS = 2;

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

/** {pid, parent, state} of everything that runs on this machine; what has ended and was only not collected yet does not. */
function processes() {
  if (!existsSync('/proc/self/stat')) {
    const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,stat='], { encoding: 'utf8' }).trim().split('\n');
    const rows = lines.map((line) => line.trim().split(/\s+/));
    return living(rows.map(([pid, parent, state]) => ({ pid: Number(pid), parent: Number(parent), state: state[0] })));
  }
  return living(
    readdirSync('/proc').flatMap((name) => {
      if (!/^[0-9]+$/.test(name)) return [];
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'latin1');
        const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
        return [{ pid: Number(name), parent: Number(parent), state }];
      } catch {
        return []; // It ended while we looked.
      }
    }),
  );
}

function living(all) {
  return all.filter(({ state }) => state !== 'Z' && state !== 'X');
}

/** On a busy machine a process ends, and stops, only at its next turn. */
async function untilAll(pids, holds) {
  const deadline = performance.now() + PATIENCE_MS;
  const open = () => processes().some((each) => pids.includes(each.pid) && !holds(each));
  while (open() && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
}

const hasEnded = () => false;
const standsStill = ({ state }) => state === 'T' || state === 't';

function kill(pid, signal) {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}

/**
 * The program is stopped first, so that it starts no child that we would not see, and outlives none. Returns once they
 * stand still or, as a killed server's children hold its memory, are gone.
 */
async function signalAll(signal) {
  if (running === null) return;
  const { pid } = running;
  if (signal !== 'SIGCONT') {
    kill(pid, 'SIGSTOP');
    await untilAll([pid], standsStill);
  }
  const all = [...processes().flatMap((each) => (each.parent === pid ? [each.pid] : [])), pid];
  for (const each of all) kill(each, signal);
  if (signal === 'SIGKILL') await untilAll(all, hasEnded);
  if (signal === 'SIGSTOP') await untilAll(all, standsStill);
}

process.on('message', async ({ id, run: what, signal, all }) => {
  let pid = null;
  if (what !== undefined) pid = run(what);
  else if (running !== null && all) await signalAll(signal);
  else if (running !== null) kill(running.pid, signal);
  if (process.connected) process.send({ id, pid });
});

process.once('disconnect', () => {
  const last = () => {
    rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
    process.exit();
  };
  if (running === null) return last();
  running.once('exit', last);
  // At once, but with time to give back what no folder holds: PostgreSQL's shared memory.
  void signalAll('SIGCONT');
  kill(running.pid, 'SIGQUIT');
  setTimeout(signalAll, PATIENCE_MS, 'SIGKILL');
});

// A test run is ended at the terminal, too: whoever started us closes the channel then.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => undefined);
