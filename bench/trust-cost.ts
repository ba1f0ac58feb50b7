import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PeerTrust } from '../src/adapters/peer-auth/peer-trust.ts';
import type { TlsFiles } from '../src/adapters/peer-auth/tls-material.ts';
import { PeerHttpListener } from '../src/adapters/peer-http/listener.ts';
import { HttpPeerTransport } from '../src/adapters/peer-http/transport.ts';
import { SystemClock } from '../src/adapters/system/clock.ts';
import type { Log } from '../src/ports/log.ts';
import type { PeerInbox } from '../src/ports/peer-inbox.ts';
import type { PeerMessage } from '../src/wire/messages.ts';
import { TestAuthority } from '../test/support/certificates.ts';
import { trustWith } from '../test/support/trust.ts';
import { fill } from './put-to-peer.ts';
import { BenchGateway, freePorts, withFolder } from './support/gateway.ts';
import { upload } from './support/plain-upload.ts';
import { median, row, type Row } from './support/report.ts';

const MIB = 1024 * 1024;
const BYTES = 256 * MIB;
const UPLOADS = 5;
const ROUNDS = 5;
const ROUND_MS = 1500;
const AT_ONCE = 8;

/** What peers may prove themselves by, and how what is stored is kept; `none` is the baseline of the others. */
interface Way {
  readonly name: 'none' | 'key' | 'tls' | 'tls and key' | 'encryption at rest';
  readonly keys?: string;
  readonly tls?: { readonly dc1: TlsFiles; readonly dc2: TlsFiles };
  readonly encryption?: string;
}

/** What trust costs: heartbeats per second, and MB/s from a PUT to its being durable at the peer. */
export async function trustCost(): Promise<Row[]> {
  const authority = await TestAuthority.create();
  const tls = { dc1: await authority.issue('dc1'), dc2: await authority.issue('dc2') };
  const keys = randomBytes(32).toString('base64url');
  const ways: readonly Way[] = [
    { name: 'none' },
    { name: 'key', keys },
    { name: 'tls', tls },
    { name: 'tls and key', tls, keys },
    { name: 'encryption at rest', encryption: `0a1b2c3d:${randomBytes(32).toString('base64url')}\n` },
  ];
  const beats = await heartbeats(ways.filter(({ encryption }) => encryption === undefined));
  const transfers = await megabytes(ways);
  return [
    ...rows('heartbeats, both ends in one process', beats, '/s'),
    ...rows(`PUT of 256 MiB to durable at the peer, median of ${UPLOADS}`, transfers, ' MB/s'),
  ];
}

function rows(what: string, figures: ReadonlyMap<string, number>, unit: string): Row[] {
  const none = figures.get('none') ?? NaN;
  return [...figures].map(([name, figure]) =>
    row(`${what}: ${name}`, {
      figure: `${figure.toFixed(0)}${unit}`,
      baseline: `none ${none.toFixed(0)}${unit}`,
      ratio: (figure / none).toFixed(2),
    }),
  );
}

/** In turn, so that all see the same machine. */
async function heartbeats(ways: readonly Way[]): Promise<Map<string, number>> {
  const lines = await Promise.all(ways.map(openLine));
  const rates = new Map<string, number[]>(ways.map(({ name }) => [name, []]));
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const { name, beat } of lines) rates.get(name)?.push(await rateOf(beat));
  }
  for (const { close } of lines) await close();
  return new Map([...rates].map(([name, all]) => [name, median(all)]));
}

async function rateOf(beat: () => Promise<void>): Promise<number> {
  const startedAt = performance.now();
  let count = 0;
  const loop = async (): Promise<void> => {
    while (performance.now() - startedAt < ROUND_MS) {
      await beat();
      count += 1;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, loop));
  return (count * 1000) / (performance.now() - startedAt);
}

const QUIET: Log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

const MESSAGE: PeerMessage = {
  heartbeatMsgType: 1,
  heartbeatCnt: 1,
  dataCenterOrigin: 'dc1',
  applicationName: 'default',
  incarnation: 1,
  sentAt: '2026-01-01T00:00:00.000Z',
  interval: 30,
  application: { status: 'passing' },
  lastHeard: null,
  protocol: 1,
};

async function openLine({ name, keys, tls }: Way): Promise<{
  readonly name: string;
  readonly beat: () => Promise<void>;
  readonly close: () => Promise<void>;
}> {
  const clock = new SystemClock();
  const trust = (dataCenter: 'dc1' | 'dc2'): PeerTrust =>
    trustWith(dataCenter, {
      ...(keys === undefined ? {} : { keys }),
      ...(tls === undefined ? {} : { tls: tls[dataCenter] }),
    });
  const inbox: PeerInbox = {
    receiveMessage: () =>
      Promise.resolve({ dataCenterOrigin: 'dc2', heartbeatCnt: 1, incarnation: 1, inventory: 'ab'.repeat(32) }),
    receiveSnapshot: () => Promise.resolve(),
    inventory: () => [],
    rejected: () => undefined,
  };
  const fixed = { host: '127.0.0.1', port: 0, dataCenter: 'dc2', maxBytes: MIB, inbox, clock, log: QUIET };
  const listener = new PeerHttpListener({ ...fixed, trust: trust('dc2') });
  const { port } = await listener.listen();
  const transport = new HttpPeerTransport({
    clock,
    trust: trust('dc1'),
    connectionTimeoutMs: 5000,
    readTimeoutMs: 5000,
  });
  const never = new AbortController().signal;
  return {
    name,
    beat: async () => {
      const outcome = await transport.sendMessage({ machine: `127.0.0.1:${port}`, dataCenter: 'dc2' }, MESSAGE, never);
      if (outcome.kind !== 'answered') throw new Error(`${name}: ${JSON.stringify(outcome)}`);
    },
    close: async () => {
      await transport.close();
      await listener.close(0);
    },
  };
}

async function megabytes(ways: readonly Way[]): Promise<Map<string, number>> {
  return withFolder(async (folder) => {
    const file = join(folder, 'content');
    await fill(file, BYTES);
    const seconds = new Map<string, number[]>(ways.map(({ name }) => [name, []]));
    const pairs: { readonly name: string; readonly gateways: readonly BenchGateway[] }[] = [];
    try {
      for (const way of ways) {
        const gateways = await startPair(join(folder, way.name.replaceAll(' ', '-')), way);
        pairs.push({ name: way.name, gateways });
      }
      for (let run = 0; run < UPLOADS; run += 1) {
        for (const { name, gateways } of pairs) {
          const startedAt = performance.now();
          await upload(`${gateways[0]?.url ?? ''}/v1/snapshots/bench?wait=replicated&timeout=120`, file, BYTES);
          seconds.get(name)?.push((performance.now() - startedAt) / 1000);
        }
      }
    } finally {
      for (const { gateways } of pairs) await Promise.all(gateways.map((gateway) => gateway.kill()));
    }
    return new Map([...seconds].map(([name, all]) => [name, BYTES / 1e6 / median(all)]));
  });
}

async function startPair(folder: string, way: Way): Promise<readonly BenchGateway[]> {
  mkdirSync(folder);
  const [peer1, local1, peer2, local2] = await freePorts();
  const secret = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text, { mode: 0o600 });
    return join(folder, name);
  };
  const keysOf = (name: 'dc1' | 'dc2', peer: number): Record<string, string> => {
    const tls = way.tls?.[name];
    return {
      heartbeatExchangeInterval: '1',
      dataSnapshotHistory: '0',
      remoteDataCenterName: name === 'dc1' ? 'dc2' : 'dc1',
      remoteDataCenterApplicationMachineNames: `127.0.0.1:${peer}`,
      ...(way.keys === undefined ? {} : { peerSharedKeyFile: secret(`${name}.keys`, way.keys) }),
      ...(way.encryption === undefined ? {} : { snapshotEncryptionKeyFile: secret(`${name}.enc`, way.encryption) }),
      ...(tls === undefined
        ? {}
        : {
            peerTlsCertFile: secret(`${name}.crt`, tls.cert),
            peerTlsKeyFile: secret(`${name}.key`, tls.key),
            peerTlsCaFile: secret(`${name}.ca`, tls.ca),
          }),
    };
  };
  const dc1 = await BenchGateway.create(folder, 'dc1', { peer: peer1, local: local1 }, keysOf('dc1', peer2));
  const dc2 = await BenchGateway.create(folder, 'dc2', { peer: peer2, local: local2 }, keysOf('dc2', peer1));
  await Promise.all([dc1.start(), dc2.start()]);
  await Promise.all([dc1.waitForPeer('dc2', 'up'), dc2.waitForPeer('dc1', 'up')]);
  return [dc1, dc2];
}
