import { join } from 'node:path';
import { PostgresServer } from '../test/support/postgres-server.ts';
import { pause, withPair, type BenchGateway } from './support/gateway.ts';
import { upload } from './support/plain-upload.ts';
import { row, type Row } from './support/report.ts';
import { fill } from './put-to-peer.ts';

const MIB = 1024 * 1024;
const BYTES = 1024 * MIB;

/** 1 GiB through both gateways, held in files. */
export function largeSnapshot(): Promise<Row[]> {
  return throughBoth('1 GiB', 120, {});
}

/** The same with a receiver that holds it in PostgreSQL, durably. */
export async function largeSnapshotPostgresql(): Promise<Row[]> {
  const server = await PostgresServer.start({ durable: true });
  try {
    const { url } = await server.createDatabase();
    return await throughBoth('1 GiB into PostgreSQL', 150, { dataSnapshotJdbcUrl: url });
  } finally {
    await server.dispose();
  }
}

/** The peak of memory above idle in each gateway, and the heartbeats missed meanwhile. */
async function throughBoth(
  title: string,
  demandMb: number,
  receiverKeys: Readonly<Record<string, string>>,
): Promise<Row[]> {
  const work = async (dc1: BenchGateway, dc2: BenchGateway, folder: string): Promise<Row[]> => {
    const file = join(folder, 'content');
    await fill(file, BYTES);
    await pause(2000);
    const idle = await Promise.all([dc1.memory(), dc2.memory()]);
    await Promise.all([dc1.resetPeak(), dc2.resetPeak()]);
    const missesBefore = await misses([dc1, dc2]);
    const before = performance.now();
    await upload(`${dc1.url}/v1/snapshots/large?wait=replicated&timeout=300`, file, BYTES);
    const seconds = (performance.now() - before) / 1000;
    const missed = (await misses([dc1, dc2])) - missesBefore;
    const peak = await Promise.all([dc1.memory(), dc2.memory()]);
    const rows = [dc1, dc2].map((gateway, index) => {
      const idleMib = (idle[index]?.now ?? 0) / MIB;
      const aboveMib = (peak[index]?.peak ?? 0) / MIB - idleMib;
      return row(`${title}, peak memory above idle, ${index === 0 ? 'sender' : 'receiver'} ${gateway.name}`, {
        figure: `${aboveMib.toFixed(0)} MiB`,
        baseline: `idle ${idleMib.toFixed(0)} MiB`,
        ratio: (aboveMib / idleMib).toFixed(2),
        demand: `less than ${demandMb} MB`,
        holds: (aboveMib * MIB) / 1e6 < demandMb,
      });
    });
    return [
      ...rows,
      row(`${title}, heartbeats missed at 0.2 s on both sides`, {
        figure: String(missed),
        baseline: `${(seconds / 0.2).toFixed(0)} sent each way in ${seconds.toFixed(1)} s`,
        ratio: '',
        demand: '0',
        holds: missed === 0,
      }),
    ];
  };
  return withPair({ heartbeatExchangeInterval: '0.2' }, work, receiverKeys);
}

async function misses(gateways: readonly { metric(pattern: RegExp): Promise<number> }[]): Promise<number> {
  const counts = await Promise.all(gateways.map((gateway) => gateway.metric(/^crossdc_heartbeat_misses_total/)));
  return counts.reduce((sum, count) => sum + count, 0);
}
