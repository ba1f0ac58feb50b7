import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { GatewayProcess } from '../gateway-process.ts';

/** Everything that a stranger must not be able to change, by names that people can read. */
export type Fingerprint = Readonly<Record<string, string>>;

/** Says how far the verification in the background has got, with nobody's help. */
const BY_ITSELF = 'records/scrub.json';

export async function fingerprintOf(gateway: GatewayProcess): Promise<Fingerprint> {
  const { name } = gateway;
  const print: Record<string, string> = {};
  for (const path of filesBelow(gateway.stateFolder))
    print[`${name}/${path}`] = digest(join(gateway.stateFolder, path));
  for (const view of ['/v1/snapshots', '/v1/deliveries']) {
    print[`${name} ${view}`] = (await gateway.api(view)).body.toString();
  }
  const peers = (await gateway.status()).peers.map(
    ({ name: peer, state, since, incarnation, transitions, held, application }) => [
      ...[peer, state, since, incarnation, transitions, held, application],
    ],
  );
  print[`${name} peers`] = JSON.stringify(peers);
  print[`${name} events`] = gateway.events.types().join();
  return print;
}

/** What is not as it was, one line each. */
export function differences(before: Fingerprint, after: Fingerprint): string[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return names
    .filter((name) => before[name] !== after[name])
    .map((name) => `${name} changed: ${before[name] ?? 'nothing'} → ${after[name] ?? 'nothing'}`);
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .filter((path) => path !== BY_ITSELF)
    .sort();
}

function digest(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex').slice(0, 16);
}
