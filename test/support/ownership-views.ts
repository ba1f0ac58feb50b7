import { expect } from 'chai';
import type { OwnershipRow } from '../../src/core/ownership.ts';
import type { HistoryEntry, OwnershipView } from '../../src/ports/ownership-api.ts';
import type { GatewayProcess } from './gateway-process.ts';
import { untilShown } from './seen.ts';

export async function rowsOf(gateway: GatewayProcess): Promise<OwnershipView[]> {
  const answer = await gateway.api('/v1/ownership');
  expect(answer.status).to.equal(200);
  return answer.json() as OwnershipView[];
}

export async function rowOf(gateway: GatewayProcess, workload: string): Promise<OwnershipView> {
  const row = (await rowsOf(gateway)).find((one) => one.workload === workload);
  if (row === undefined) throw new Error(`${gateway.name} knows no workload ${workload}`);
  return row;
}

/** What travels of a row, without what only this gateway knows. */
export function bare({ workload, owner, epoch, since, reason }: OwnershipRow): OwnershipRow {
  return { workload, owner, epoch, since, reason };
}

/** The bare rows of several gateways, by workload. */
export function bareRows(gateways: readonly GatewayProcess[]): Promise<OwnershipRow[][]> {
  return Promise.all(
    gateways.map(async (gateway) =>
      (await rowsOf(gateway)).map(bare).sort((a, b) => (a.workload < b.workload ? -1 : 1)),
    ),
  );
}

export function untilRow(
  gateway: GatewayProcess,
  workload: string,
  what: string,
  fits: (row: OwnershipView) => boolean,
): Promise<OwnershipView> {
  return untilShown(`${workload} ${what} at ${gateway.name}`, async () => {
    const row = await rowOf(gateway, workload);
    return fits(row) ? row : undefined;
  });
}

export function untilServed(gateway: GatewayProcess, workload: string): Promise<OwnershipView> {
  return untilRow(gateway, workload, 'served', ({ primary }) => primary);
}

export async function primaryStatus(gateway: GatewayProcess, workload: string): Promise<number> {
  return (await gateway.api(`/primary?workload=${workload}`)).status;
}

export async function historyOf(gateway: GatewayProcess, kind: HistoryEntry['kind']): Promise<HistoryEntry[]> {
  const answer = await gateway.api('/v1/history?limit=1000');
  expect(answer.status).to.equal(200);
  return (answer.json() as HistoryEntry[]).filter((entry) => entry.kind === kind);
}
