import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { TlsFiles } from '../../src/adapters/peer-auth/tls-material.ts';
import { TestAuthority } from '../support/certificates.ts';
import type { GatewayProcess, Keys, Receipt } from '../support/gateway-process.ts';
import { Pair } from '../support/pair.ts';
import { useStage } from '../support/stage.ts';
import { freshBytes } from '../support/test-app.ts';
import { KEY, OTHER_KEY } from '../support/trust.ts';

const RENEWED = 'what peers prove themselves by was renewed';
const NOT_RENEWED = 'what peers prove themselves by cannot be renewed; what was in force stays so';

describe('keys and certificates that are exchanged under load', () => {
  const stage = useStage();

  /** As an operator, or a mounted secret, replaces a file. */
  function replace(path: string, text: string): void {
    writeFileSync(`${path}.new`, text, { mode: 0o600 });
    renameSync(`${path}.new`, path);
  }

  class Files {
    readonly #folder = stage.folder();

    keys(dataCenter: string): string {
      return join(this.#folder, `${dataCenter}.keys`);
    }

    of(dataCenter: string, kind: keyof TlsFiles): string {
      return join(this.#folder, `${dataCenter}.${kind}`);
    }

    write(dataCenter: string, files: TlsFiles): void {
      // The key before the certificate: between the two they do not match, and the old pair stays in force.
      for (const kind of ['key', 'cert', 'ca'] as const) replace(this.of(dataCenter, kind), files[kind]);
    }

    config(dataCenter: string): Keys {
      return {
        peerTlsCertFile: this.of(dataCenter, 'cert'),
        peerTlsKeyFile: this.of(dataCenter, 'key'),
        peerTlsCaFile: this.of(dataCenter, 'ca'),
        peerSharedKeyFile: this.keys(dataCenter),
      };
    }
  }

  /** SIGHUP, and its end: what is read takes effect at once. */
  async function renew(gateway: GatewayProcess): Promise<void> {
    const from = gateway.log.all.length;
    gateway.signal('SIGHUP');
    await gateway.untilLogged(RENEWED, from);
  }

  it('lose no heartbeat and no snapshot, and the old ones are worth nothing afterwards', async () => {
    const files = new Files();
    const [old, next] = [await TestAuthority.create('the old'), await TestAuthority.create('the new')];
    for (const dataCenter of ['dc1', 'dc2']) {
      files.write(dataCenter, await old.issue(dataCenter));
      replace(files.keys(dataCenter), KEY);
    }
    const { dc1, dc2 } = await Pair.running(stage, {
      // Long enough that a busy machine misses none by itself.
      keys: { numberOfHttpSenderReceiverPairs: 2, heartbeatExchangeInterval: 2 },
      dc1: files.config('dc1'),
      dc2: files.config('dc2'),
    });

    let isOver = false;
    const versions = new Map<string, number>();
    const post = async (gateway: GatewayProcess, origin: string): Promise<void> => {
      while (!isOver) {
        const answer = await gateway.put(origin, freshBytes(200_000), '?wait=replicated&timeout=20');
        expect(answer.status, answer.body.toString()).to.equal(200);
        versions.set(`${gateway.name} ${origin}`, (answer.json() as Receipt).version);
      }
    };
    const load = Promise.all(
      [dc1, dc2].flatMap((gateway) => ['orders', 'prices'].map((origin) => post(gateway, origin))),
    );
    const everybody = async (step: (gateway: GatewayProcess) => Promise<void> | void): Promise<void> => {
      for (const gateway of [dc1, dc2]) {
        await step(gateway);
        await renew(gateway);
        // A few heartbeats and snapshots in this state, in which only one of the two has been renewed.
        const seen = new Map(versions);
        await gateway.untilPeer(gateway === dc1 ? 'dc2' : 'dc1', 'heard', (peer) => peer.state === 'up');
        while ([...seen].some(([origin, version]) => versions.get(origin) === version))
          await new Promise((resolve) => setTimeout(resolve, 20));
      }
    };

    for (const text of [`${KEY}\n${OTHER_KEY}\n`, `${OTHER_KEY}\n${KEY}\n`, `${OTHER_KEY}\n`])
      await everybody((gateway) => replace(files.keys(gateway.name), text));
    const both = `${old.pem}\n${next.pem}`;
    await everybody(async ({ name }) => files.write(name, { ...(await old.issue(name)), ca: both }));
    await everybody(async ({ name }) => files.write(name, { ...(await next.issue(name)), ca: both }));
    await everybody(async ({ name }) => files.write(name, await next.issue(name)));
    isOver = true;
    await load;

    for (const gateway of [dc1, dc2]) {
      const peer = gateway === dc1 ? 'dc2' : 'dc1';
      expect(await gateway.metric('crossdc_heartbeat_misses_total', { peer })).to.equal(0);
      for (const reason of ['unauthorized', 'interrupted', 'unreachable', 'timeout'])
        expect(await gateway.metric('crossdc_snapshot_transfer_failures_total', { peer, reason }), reason).to.equal(0);
      for (const reason of ['token-invalid', 'token-missing', 'certificate-untrusted', 'tls-handshake'])
        expect(await gateway.metric('crossdc_peer_requests_rejected_total', { reason }), reason).to.equal(0);
      expect(gateway.events.types(0, 'peer-suspect', 'peer-down')).to.deep.equal([]);
    }
  });

  it('are taken without a signal too, and what cannot be used changes nothing until it is mended', async () => {
    const files = new Files();
    const authority = await TestAuthority.create();
    for (const dataCenter of ['dc1', 'dc2']) {
      files.write(dataCenter, await authority.issue(dataCenter));
      replace(files.keys(dataCenter), KEY);
    }
    const { dc1, dc2 } = await Pair.running(stage, { dc1: files.config('dc1'), dc2: files.config('dc2') });
    const mark = dc1.log.all.length;
    const other = await authority.issue('dc1');
    replace(files.of('dc1', 'key'), other.key);
    await dc1.untilLogged(NOT_RENEWED, mark, ({ problem }) => String(problem).startsWith('peerTlsKeyFile: '));
    await dc2.putReplicated('orders', 'state');
    replace(files.of('dc1', 'cert'), other.cert);
    await dc1.untilLogged(RENEWED, mark);
    await dc1.putReplicated('orders', 'state');
    expect(JSON.stringify(dc1.log.all)).to.not.contain(KEY);
    expect(await dc2.metric('crossdc_peer_certificate_expiry_timestamp_seconds', { certificate: 'own' })).to.be.above(
      Date.now() / 1000 + 300 * 86_400,
    );
  });

  it('are named when they run out within 30 days', async () => {
    const files = new Files();
    const authority = await TestAuthority.create();
    files.write('dc1', await authority.issue('dc1', { untilMs: Date.now() + 10.5 * 86_400_000 }));
    replace(files.keys('dc1'), KEY);
    const dc1 = await stage.gateway('dc1', {
      ...files.config('dc1'),
      remoteDataCenterApplicationMachineNames: '127.0.0.1:1',
    });
    await dc1.start();
    const line = await dc1.untilLogged(
      'event',
      0,
      ({ event }) => (event as { type: string }).type === 'certificate-expiring',
    );
    expect(line.event).to.include({ certificate: 'own', subject: 'dc1', daysLeft: 10 });
  });
});
