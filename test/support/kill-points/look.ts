import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { EventType } from '../../../src/core/events.ts';
import type { EventOf } from '../event-reader.ts';
import type { GatewayProcess } from '../gateway-process.ts';
import { untilShown } from '../seen.ts';
import { sha256 } from '../test-app.ts';

/** Waits for something that the gateway brings about; fails at once when the gateway is dead. */
export function untilDone<T>(gateway: GatewayProcess, what: string, probe: () => Promise<T | undefined>): Promise<T> {
  return untilShown(what, async () => {
    await gateway.api('/healthz');
    return probe();
  });
}

/** As `EventReader.until`, for a gateway that may be killed meanwhile. */
export function untilEvent<K extends EventType>(
  gateway: GatewayProcess,
  type: K,
  where: (event: EventOf<K>) => boolean,
  from = 0,
): Promise<EventOf<K>> {
  return untilDone(gateway, `the event ${type}`, () =>
    Promise.resolve(gateway.events.of(type, from).find((seen) => where(seen.data))?.data),
  );
}

/** The names in the folder of an origin in a store of the gateway, sorted; none where there is no folder. */
export function filesOf(gateway: GatewayProcess, store: string, key: readonly [string, string, string]): string[] {
  try {
    return readdirSync(join(gateway.stateFolder, store, ...key)).sort();
  } catch {
    return [];
  }
}

/** What a version has in the file store. */
export function filesOfVersions(...versions: readonly number[]): string[] {
  return versions.flatMap((version) => [`${version}.json`, `${version}.snapshot`]).sort();
}

/** Nothing half-written is left, nothing was torn, nothing is taken for somebody else's. */
export async function assertClean(gateway: GatewayProcess): Promise<void> {
  for (const store of ['outgoing', 'held', 'returned', 'records']) {
    const folder = join(gateway.stateFolder, store, '.tmp');
    if (!existsSync(folder)) continue;
    // What the start itself tries the store with is gone in a moment.
    await untilShown(`${store}/.tmp is empty`, () => Promise.resolve(readdirSync(folder).length === 0 || undefined));
  }
  expect(gateway.events.types(0, 'snapshot-damaged', 'store-error')).to.deep.equal([]);
  expect(gateway.log.all.filter(({ level, msg }) => level === 'error' || /damaged|not ours/i.test(msg))).to.deep.equal(
    [],
  );
}

/** What a path of the local API answers: the digest of the bytes, or null where there is nothing. */
export async function digestAt(gateway: GatewayProcess, path: string): Promise<string | null> {
  const answer = await gateway.api(path);
  if (answer.status === 404) return null;
  expect(answer.status, path).to.equal(200);
  return sha256(answer.body);
}
