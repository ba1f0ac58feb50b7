import { BenchGateway, freePorts, withFolder } from './support/gateway.ts';
import { median, ms, row, type Row } from './support/report.ts';

const INTERVAL_MS = 250;
const MISSES = 4;
const RUNS = 20;

/** From SIGKILL of one gateway to the `delivery` event at the other; the baseline is N times the interval. */
export async function killToDelivery(runs = RUNS): Promise<Row[]> {
  const took: number[] = [];
  await withFolder(async (folder) => {
    const [peer1, local1, peer2, local2] = await freePorts();
    const keys = {
      heartbeatExchangeInterval: String(INTERVAL_MS / 1000),
      consecutiveHeartbeatMissesAllowed: String(MISSES),
    };
    const dc1 = await BenchGateway.create(
      folder,
      'dc1',
      { peer: peer1, local: local1 },
      { ...keys, remoteDataCenterApplicationMachineNames: `127.0.0.1:${peer2}` },
    );
    const dc2 = await BenchGateway.create(
      folder,
      'dc2',
      { peer: peer2, local: local2 },
      { ...keys, remoteDataCenterApplicationMachineNames: `127.0.0.1:${peer1}` },
    );
    try {
      await dc2.start();
      for (let run = 0; run < runs; run += 1) {
        await dc1.start();
        await dc2.waitForPeer('dc1', 'up');
        await dc1.waitForPeer('dc2', 'up');
        const stored = await fetch(`${dc1.url}/v1/snapshots/state?wait=replicated`, {
          method: 'PUT',
          body: `run ${run}`,
        });
        if (!stored.ok) throw new Error(await stored.text());
        const announced = nextDelivery(dc2.url);
        await announced.open;
        const killedAt = await dc1.kill();
        took.push((await announced.at) - killedAt);
      }
    } finally {
      await Promise.all([dc1.kill(), dc2.kill()]);
    }
  });
  const threshold = INTERVAL_MS * MISSES;
  const middle = median(took);
  const least = Math.min(...took);
  return [
    row(`SIGKILL to delivery, median of ${runs}`, {
      figure: ms(middle),
      baseline: `N x interval = ${ms(threshold)}`,
      ratio: (middle / threshold).toFixed(3),
      demand: `at most ${ms(threshold + 100)}`,
      holds: middle <= threshold + 100,
    }),
    row(`SIGKILL to delivery, least of ${runs}`, {
      figure: ms(least),
      baseline: `(N-1) x interval = ${ms(threshold - INTERVAL_MS)}`,
      ratio: (least / (threshold - INTERVAL_MS)).toFixed(3),
      demand: 'never less than the baseline',
      holds: least >= threshold - INTERVAL_MS,
    }),
  ];
}

/** Listens for the next `delivery` event. `open` resolves when the stream is there, `at` with the time of the event. */
function nextDelivery(url: string): { open: Promise<void>; at: Promise<number> } {
  const controller = new AbortController();
  const answer = fetch(`${url}/v1/events`, { headers: { accept: 'text/event-stream' }, signal: controller.signal });
  const at = answer.then(async ({ body }) => {
    if (body === null) throw new Error('no event stream');
    let text = '';
    for await (const chunk of body.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      if (/event: delivery\n/.test(text)) break;
    }
    const now = performance.now();
    controller.abort();
    return now;
  });
  return { open: answer.then(() => undefined), at };
}
