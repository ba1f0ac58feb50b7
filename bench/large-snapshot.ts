import { join } from 'node:path';
import { pause, withPair } from './support/gateway.ts';
import { upload } from './support/plain-upload.ts';
import { row, type Row } from './support/report.ts';
import { fill } from './put-to-peer.ts';

const MIB = 1024 * 1024;
const BYTES = 1024 * MIB;
const DEMAND_MIB = 120;

/** 1 GiB through both gateways: the peak of memory above idle in each, and the heartbeats missed meanwhile. */
export async function largeSnapshot(): Promise<Row[]> {
  return withPair({ heartbeatExchangeInterval: '0.2' }, async (dc1, dc2, folder) => {
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
      return row(`1 GiB, peak memory above idle, ${index === 0 ? 'sender' : 'receiver'} ${gateway.name}`, {
        figure: `${aboveMib.toFixed(0)} MiB`,
        baseline: `idle ${idleMib.toFixed(0)} MiB`,
        ratio: (aboveMib / idleMib).toFixed(2),
        demand: `less than ${DEMAND_MIB} MB`,
        holds: (aboveMib * MIB) / 1e6 < DEMAND_MIB,
      });
    });
    return [
      ...rows,
      row('1 GiB, heartbeats missed at 0.2 s on both sides', {
        figure: String(missed),
        baseline: `${(seconds / 0.2).toFixed(0)} sent each way in ${seconds.toFixed(1)} s`,
        ratio: '',
        demand: '0',
        holds: missed === 0,
      }),
    ];
  });
}

async function misses(gateways: readonly { metric(pattern: RegExp): Promise<number> }[]): Promise<number> {
  const counts = await Promise.all(gateways.map((gateway) => gateway.metric(/^crossdc_heartbeat_misses_total/)));
  return counts.reduce((sum, count) => sum + count, 0);
}
