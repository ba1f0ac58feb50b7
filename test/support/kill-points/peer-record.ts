import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { GatewayProcess } from '../gateway-process.ts';

/** What the gateway has written down of a peer; undefined before it has. */
export function recordOfPeer(
  gateway: GatewayProcess,
  peer: string,
): { readonly state: string; readonly commandDue: boolean } | undefined {
  return recordOf(gateway, `peers/${peer}`) as { state: string; commandDue: boolean } | undefined;
}

/** How far the last takeover of a workload has come; undefined when there was none. */
export function phaseOfTakeover(gateway: GatewayProcess, workload: string): string | undefined {
  return (recordOf(gateway, `takeovers/${workload}`) as { phase: string } | undefined)?.phase;
}

function recordOf(gateway: GatewayProcess, name: string): unknown {
  try {
    const text = readFileSync(join(gateway.stateFolder, 'records', `${name}.json`), 'utf8');
    return (JSON.parse(text) as { value: unknown }).value;
  } catch {
    return undefined;
  }
}
