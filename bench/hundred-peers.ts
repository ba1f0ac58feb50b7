import { BenchGateway, freePort, pause, withFolder, cpuSeconds } from './support/gateway.ts';
import { FakePeer } from './support/fake-peer.ts';
import { row, type Row } from './support/report.ts';

const PEERS = 100;
const MEASURE_MS = 20_000;

/**
 * The CPU time of a gateway with a hundred peers at an interval of one second. The baseline is this process, which does
 * the least that the other side of the same hundred exchanges needs: plain node:http, no state, no checks.
 */
export async function hundredPeers(): Promise<Row[]> {
  return withFolder(async (folder) => {
    const peers = await Promise.all(Array.from({ length: PEERS }, (_, index) => FakePeer.start(`peer${index}`)));
    const [port, local] = [await freePort(), await freePort()];
    const machines = Object.fromEntries(
      peers.map((peer) => [`remoteDataCenterApplicationMachineNames.${peer.name}`, `127.0.0.1:${peer.port}`]),
    );
    const gateway = await BenchGateway.create(
      folder,
      'dc1',
      { peer: port, local },
      { ...machines, heartbeatExchangeInterval: '1' },
    );
    const stopping = new AbortController();
    try {
      await gateway.start();
      const beating = peers.map(async (peer, index) => {
        await pause((1000 / PEERS) * index);
        while (!stopping.signal.aborted) {
          const before = performance.now();
          await peer.beat(port, 1);
          await pause(Math.max(0, 1000 - (performance.now() - before)));
        }
      });
      await pause(5000);
      const before = { gateway: await gateway.cpuSeconds(), plain: await cpuSeconds(process.pid) };
      await pause(MEASURE_MS);
      const used = {
        gateway: (await gateway.cpuSeconds()) - before.gateway,
        plain: (await cpuSeconds(process.pid)) - before.plain,
      };
      const up = await gateway.metric(/^crossdc_peer_up\{/);
      if (up !== PEERS) throw new Error(`only ${up} of ${PEERS} peers are up`);
      stopping.abort();
      await Promise.all(beating);
      const percent = (seconds: number): string => `${((100 * seconds * 1000) / MEASURE_MS).toFixed(1)} % of a core`;
      return [
        row(`${PEERS} peers at 1 s, CPU`, {
          figure: percent(used.gateway),
          baseline: `plain node:http ${percent(used.plain)}`,
          ratio: (used.gateway / used.plain).toFixed(2),
        }),
      ];
    } finally {
      await gateway.kill();
      await Promise.all(peers.map((peer) => peer.close()));
    }
  });
}
