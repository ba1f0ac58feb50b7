import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { BenchGateway, PROGRAM, freePorts, pause, withFolder } from './support/gateway.ts';
import { FakePeer } from './support/fake-peer.ts';
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
      await Promise.all(Array.from({ length: AT_ONCE }, (_, index) => put(dc1, `large-${index}`, file)));
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

/** Posts from a process of its own: this one must have nothing to do but to note when heartbeats arrive. */
async function put(gateway: BenchGateway, origin: string, file: string): Promise<void> {
  const args = ['snapshots', 'put', origin, file, '--wait', '--timeout', '300', '--url', gateway.url];
  const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
  const [status] = (await once(child, 'exit')) as [number | null];
  if (status !== 0) throw new Error(`crossdc snapshots put ended with status ${status}`);
}
