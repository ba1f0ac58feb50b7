import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Below the range from which systems take the port of an outgoing connection. A port within it could be taken by
 * somebody's connection while a killed gateway is away, or even be reached by a connection to itself.
 */
const FIRST = 20_000;
const LAST = 32_000;
const ATTEMPTS = 200;

/** Ports of the loopback address that were free a moment ago, each another. @param random in [0, 1) */
export async function freePorts(count: number, random: () => number = Math.random): Promise<number[]> {
  const found = new Set<number>();
  for (let attempt = 0; attempt < ATTEMPTS && found.size < count; attempt += 1) {
    const candidate = FIRST + Math.floor(random() * (LAST - FIRST));
    if (await isFree(candidate)) found.add(candidate);
  }
  if (found.size < count) throw new Error(`no ${count} free ports between ${FIRST} and ${LAST} on 127.0.0.1`);
  return [...found];
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  server.listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}
