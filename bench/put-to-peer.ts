import { randomBytes } from 'node:crypto';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { withPair } from './support/gateway.ts';
import { startPlainChain, upload } from './support/plain-upload.ts';
import { median, ms, row, type Row } from './support/report.ts';

const KIB = 1024;
const SIZES = [
  { name: '1 KiB', bytes: KIB, runs: 40 },
  { name: '1 MiB', bytes: KIB * KIB, runs: 20 },
  { name: '256 MiB', bytes: 256 * KIB * KIB, runs: 5 },
] as const;

/** From the first byte of a PUT to its being durable at the peer, against a plain upload over the same two hops. */
export async function putToPeer(): Promise<Row[]> {
  return withPair({ heartbeatExchangeInterval: '1' }, async (dc1, _dc2, folder) => {
    const plain = await startPlainChain(folder);
    const rows: Row[] = [];
    try {
      for (const { name, bytes, runs } of SIZES) {
        const file = join(folder, 'content');
        await fill(file, bytes);
        const gateway: number[] = [];
        const baseline: number[] = [];
        // In turn, so that both see the same machine.
        for (let run = 0; run < runs; run += 1) {
          gateway.push(
            await timed(() => upload(`${dc1.url}/v1/snapshots/bench?wait=replicated&timeout=120`, file, bytes)),
          );
          baseline.push(await timed(() => upload(plain.url, file, bytes)));
        }
        rows.push(
          row(`PUT to durable at the peer, ${name}, median of ${runs}`, {
            figure: ms(median(gateway)),
            baseline: `plain upload ${ms(median(baseline))}`,
            ratio: (median(gateway) / median(baseline)).toFixed(2),
          }),
        );
      }
    } finally {
      await plain.close();
    }
    return rows;
  });
}

/** Random content, because nothing may be gained by what compresses. */
export async function fill(file: string, bytes: number): Promise<void> {
  const handle = await open(file, 'w');
  const block = randomBytes(Math.min(bytes, KIB * KIB));
  for (let written = 0; written < bytes; written += block.length) {
    block.writeUInt32LE(written / block.length);
    await handle.write(block, 0, Math.min(block.length, bytes - written));
  }
  await handle.close();
}

async function timed(work: () => Promise<void>): Promise<number> {
  const before = performance.now();
  await work();
  return performance.now() - before;
}
