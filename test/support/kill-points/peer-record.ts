import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { GatewayProcess } from '../gateway-process.ts';

/** What the gateway has written down of a peer; undefined before it has. */
export function recordOfPeer(
  gateway: GatewayProcess,
  peer: string,
): { readonly state: string; readonly takeoverDue: boolean } | undefined {
  try {
    const text = readFileSync(join(gateway.stateFolder, 'records/peers', `${peer}.json`), 'utf8');
    return (JSON.parse(text) as { value: { state: string; takeoverDue: boolean } }).value;
  } catch {
    return undefined;
  }
}
