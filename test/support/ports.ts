import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Below the range from which systems take the port of an outgoing connection: there, somebody's connection could take a
 * killed gateway's port before it is started again.
 */
const FIRST = 12_000;
const LAST = 31_999;
const ATTEMPTS = 500;

/**
 * Files of tests that run side by side take theirs from slices of their own: a port that one of them handed out is free,
 * to look at, for as long as the gateway that it is for is down. Mocha numbers its processes.
 */
const SLICES = 4;
const SLICE = Math.floor((LAST - FIRST) / SLICES);
const OWN_FIRST = FIRST + (Number(process.env.MOCHA_WORKER_ID ?? 0) % SLICES) * SLICE;

/** Handed out in this run of the tests; none is given twice, so that no test meets another one's leftovers. */
const given = new Set<number>();

/** Loopback ports that were free a moment ago. Two gateways must know each other's before they start, so 0 will not do. */
export async function freePorts(count: number): Promise<number[]> {
  const found: number[] = [];
  for (let attempt = 0; attempt < ATTEMPTS && found.length < count; attempt += 1) {
    const port = OWN_FIRST + Math.floor(Math.random() * SLICE);
    if (given.has(port)) continue;
    given.add(port);
    if (await isFree(port)) found.push(port);
  }
  if (found.length < count) throw new Error(`no ${count} free ports between ${OWN_FIRST} and ${OWN_FIRST + SLICE}`);
  return found;
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}
