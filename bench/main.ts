import { encryption } from './encryption.ts';
import { heartbeatDelay } from './heartbeat-delay.ts';
import { hundredPeers } from './hundred-peers.ts';
import { killToDelivery } from './kill-to-delivery.ts';
import { largeSnapshot, largeSnapshotPostgresql } from './large-snapshot.ts';
import { manyOrigins } from './many-origins.ts';
import { postgresWays } from './postgres-ways.ts';
import { putToPeer } from './put-to-peer.ts';
import { storeWrites } from './store-writes.ts';
import { trustCost } from './trust-cost.ts';
import { printTable, type Row } from './support/report.ts';

/** `npm run bench`, or `npm run bench -- NAME…` for some of them. Ends with a table; fails when a demand does not hold. */
const BENCHMARKS: Readonly<Record<string, () => Promise<Row[]>>> = {
  'kill-to-delivery': () => killToDelivery(),
  'put-to-peer': putToPeer,
  'many-origins': manyOrigins,
  'large-snapshot': largeSnapshot,
  'large-snapshot-postgresql': largeSnapshotPostgresql,
  'heartbeat-delay': heartbeatDelay,
  'hundred-peers': hundredPeers,
  'postgres-ways': postgresWays,
  'store-writes': storeWrites,
  encryption,
  'trust-cost': trustCost,
};

const wanted = process.argv.slice(2);
const unknown = wanted.find((name) => !(name in BENCHMARKS));
if (unknown !== undefined) {
  console.error(`There is no benchmark "${unknown}"; there are: ${Object.keys(BENCHMARKS).join(', ')}.`);
  process.exit(2);
}
const rows: Row[] = [];
for (const [name, run] of Object.entries(BENCHMARKS)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  console.error(`${name} …`);
  rows.push(...(await run()));
}
printTable(rows);
process.exitCode = rows.some((one) => one.holds === false) ? 1 : 0;
