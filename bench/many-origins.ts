import { randomBytes } from 'node:crypto';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { withPair, pause } from './support/gateway.ts';
import { row, type Row } from './support/report.ts';

const ORIGINS = 1000;
const BYTES = 4096;
const AT_ONCE = 8;

/** Snapshots a second for many small origins until all are at the peer, against plain writes with fsync of as many files. */
export async function manyOrigins(): Promise<Row[]> {
  return withPair(
    { heartbeatExchangeInterval: '1', numberOfHttpSenderReceiverPairs: String(AT_ONCE) },
    async (dc1, _dc2, folder) => {
      const content = randomBytes(BYTES);
      const before = performance.now();
      await inParallel(ORIGINS, AT_ONCE, async (index) => {
        const answer = await fetch(`${dc1.url}/v1/snapshots/origin-${index}`, { method: 'PUT', body: content });
        if (answer.status !== 202) throw new Error(await answer.text());
        await answer.arrayBuffer();
      });
      const acceptedMs = performance.now() - before;
      while ((await dc1.metric(/^crossdc_snapshots_pending\{/)) > 0) await pause(20);
      const replicatedMs = performance.now() - before;

      const plainBefore = performance.now();
      await inParallel(ORIGINS, AT_ONCE, async (index) => {
        const handle = await open(join(folder, `plain-${index}`), 'w');
        await handle.writeFile(content);
        await handle.sync();
        await handle.close();
      });
      const plainMs = performance.now() - plainBefore;
      const perSecond = (tookMs: number): number => ORIGINS / (tookMs / 1000);
      const baseline = `plain writes + fsync ${perSecond(plainMs).toFixed(0)}/s`;
      return [
        row(`${ORIGINS} origins of 4 KiB, accepted`, {
          figure: `${perSecond(acceptedMs).toFixed(0)}/s`,
          baseline,
          ratio: (plainMs / acceptedMs).toFixed(2),
        }),
        row(`${ORIGINS} origins of 4 KiB, all at the peer`, {
          figure: `${perSecond(replicatedMs).toFixed(0)}/s`,
          baseline,
          ratio: (plainMs / replicatedMs).toFixed(2),
        }),
      ];
    },
  );
}

async function inParallel(count: number, atOnce: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) await work(index);
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
}
