import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Below the range from which systems take the port of an outgoing connection: there, somebody's connection could take a
 * killed gateway's port before it is started again.
 */
const FIRST = 21_000;
const LAST = 31_999;
const ATTEMPTS = 500;

/** Handed out in this run of the tests; none is given twice, so that no test meets another one's leftovers. */
const given = new Set<number>();

/** Loopback ports that were free a moment ago. Two gateways must know each other's before they start, so 0 will not do. */
export async function freePorts(count: number): Promise<number[]> {
  const found: number[] = [];
  for (let attempt = 0; attempt < ATTEMPTS && found.length < count; attempt += 1) {
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST));
    if (given.has(port)) continue;
    given.add(port);
    if (await isFree(port)) found.push(port);
  }
  if (found.length < count) throw new Error(`no ${count} free ports between ${FIRST} and ${LAST}`);
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
