import { join } from 'node:path';
import { BenchGateway, freePorts, pause, withFolder } from './support/gateway.ts';
import { FakePeer } from './support/fake-peer.ts';
import { upload } from './support/plain-upload.ts';
import { ms, quantile, row, type Row } from './support/report.ts';
import { fill } from './put-to-peer.ts';

const MIB = 1024 * 1024;
const BYTES = 256 * MIB;
const AT_ONCE = 4;
const INTERVAL_SECONDS = 0.1;
const IDLE_MS = 20_000;

/** How late heartbeats arrive, idle and while four snapshots of 256 MiB go to another peer; idle is the baseline. */
export async function heartbeatDelay(): Promise<Row[]> {
  return withFolder(async (folder) => {
    const [peer1, local1, peer2, local2] = await freePorts();
    const probe = await FakePeer.start('probe');
    const keys = {
      heartbeatExchangeInterval: String(INTERVAL_SECONDS),
      numberOfHttpSenderReceiverPairs: String(AT_ONCE),
    };
    const dc1 = await BenchGateway.create(
      folder,
      'dc1',
      { peer: peer1, local: local1 },
      {
        ...keys,
        'remoteDataCenterApplicationMachineNames.dc2': `127.0.0.1:${peer2}`,
        'remoteDataCenterApplicationMachineNames.probe': `127.0.0.1:${probe.port}`,
      },
    );
    const dc2 = await BenchGateway.create(
      folder,
      'dc2',
      { peer: peer2, local: local2 },
      { ...keys, 'remoteDataCenterApplicationMachineNames.dc1': `127.0.0.1:${peer1}` },
    );
    try {
      await Promise.all([dc1.start(), dc2.start()]);
      await dc1.waitForPeer('dc2', 'up');
      const file = join(folder, 'content');
      await fill(file, BYTES);
      probe.delays.length = 0;
      await pause(IDLE_MS);
      const idle = probe.delays.splice(0);
      const puts = Array.from({ length: AT_ONCE }, (_, index) =>
        upload(`${dc1.url}/v1/snapshots/large-${index}?wait=replicated&timeout=300`, file, BYTES),
      );
      await Promise.all(puts);
      const busy = probe.delays.splice(0);
      return (
        [
          ['p50', 0.5],
          ['p99', 0.99],
          ['max', 1],
        ] as const
      ).map(([name, part]) => {
        const [under, without] = [quantile(busy, part), quantile(idle, part)];
        return row(`heartbeat delay during four transfers, ${name} of ${busy.length}`, {
          figure: ms(under),
          baseline: `idle ${ms(without)} (${idle.length})`,
          ratio: (Math.max(under, 1) / Math.max(without, 1)).toFixed(1),
        });
      });
    } finally {
      await Promise.all([dc1.kill(), dc2.kill(), probe.close()]);
    }
  });
}
