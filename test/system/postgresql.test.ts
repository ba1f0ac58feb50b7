import { expect } from 'chai';
import { Client } from 'pg';
import type { GatewayProcess } from '../support/gateway-process.ts';
import { DEATH_MS, Pair, type PairOptions } from '../support/pair.ts';
import { rowOf } from '../support/ownership-views.ts';
import { PostgresServer, type ServerOptions } from '../support/postgres-server.ts';
import { untilShown } from '../support/seen.ts';
import { useStage } from '../support/stage.ts';
import type { TestDatabase } from '../support/test-database.ts';
import { freshBytes, TestApp } from '../support/test-app.ts';

/** So slow that not even a busy machine misses one. */
const CALM = { heartbeatExchangeInterval: 0.5 };
/** More than one row of content. */
const LARGE_BYTES = 3_000_000;
const SMALL_BYTES = 10_000;

interface Site {
  readonly server: PostgresServer;
  readonly database: TestDatabase;
  readonly pair: Pair;
  readonly dc1: GatewayProcess;
  readonly dc2: GatewayProcess;
}

interface Trouble {
  readonly name: string;
  readonly begin: (site: Site) => Promise<void>;
  readonly end: (site: Site) => Promise<void>;
  /** What the operator is told. */
  readonly reason: RegExp;
}

const TROUBLES: readonly Trouble[] = [
  {
    name: 'is stopped',
    begin: ({ server }) => server.stop(),
    end: ({ server }) => server.start(),
    reason: /ECONNREFUSED|terminat|shut/i,
  },
  {
    name: 'is killed',
    begin: ({ server }) => server.kill(),
    end: ({ server }) => server.start(),
    reason: /ECONNREFUSED|terminat|ECONNRESET/i,
  },
  {
    name: 'hangs',
    begin: ({ server }) => server.pause(),
    end: ({ server }) => server.resume(),
    reason: /no answer|timeout/i,
  },
  {
    name: 'has no connection left',
    begin: takeEveryConnection,
    end: async () => {
      await Promise.all(taken.splice(0).map((client) => client.end()));
    },
    reason: /connection/i,
  },
  {
    name: 'takes no writes',
    begin: ({ server }) => server.configure({ default_transaction_read_only: 'on' }),
    end: ({ server }) => server.configure({ default_transaction_read_only: 'off' }),
    reason: /read-only/i,
  },
];

/** The connections that an application of the same user has opened and does not close. */
const taken: Client[] = [];

async function takeEveryConnection({ server, database }: Site): Promise<void> {
  for (;;) {
    await takeWhatIsFree(database.url);
    const gateways = await server.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'crossdc-gateway%'`,
    );
    if (gateways.length === 0) return;
  }
}

async function takeWhatIsFree(url: string): Promise<void> {
  for (;;) {
    const client = new Client({ connectionString: url });
    client.on('error', () => undefined);
    try {
      await client.connect();
    } catch {
      return;
    }
    taken.push(client);
  }
}

describe('a gateway holds what its peer replicates in PostgreSQL', () => {
  const stage = useStage();

  async function create(options: PairOptions = {}, serverOptions: ServerOptions = {}): Promise<Site> {
    const server = await PostgresServer.start(serverOptions);
    stage.after(() => server.dispose());
    const database = await server.createDatabase();
    const pair = await Pair.create(stage, { ...options, dc2: { dataSnapshotJdbcUrl: database.url, ...options.dc2 } });
    return { server, database, pair, dc1: pair.dc1, dc2: pair.dc2 };
  }

  async function running(options: PairOptions = {}, serverOptions: ServerOptions = {}): Promise<Site> {
    const site = await create(options, serverOptions);
    await Promise.all([site.dc1.start(), site.dc2.start()]);
    await site.pair.untilBothUp();
    return site;
  }

  async function heldAt(gateway: GatewayProcess, origin: string): Promise<Buffer> {
    const answer = await gateway.api(`/v1/peers/dc1/snapshots/${origin}`);
    expect(answer.status, answer.body.toString('latin1').slice(0, 300)).to.equal(200);
    return answer.body;
  }

  async function nothingMissed({ dc1, dc2 }: Site): Promise<void> {
    expect(await dc1.metric('crossdc_heartbeat_misses_total', { peer: 'dc2' }), 'misses at dc1').to.equal(0);
    expect(await dc2.metric('crossdc_heartbeat_misses_total', { peer: 'dc1' }), 'misses at dc2').to.equal(0);
  }

  function untilReady(gateway: GatewayProcess): Promise<true> {
    return untilShown('readiness', async () => ((await gateway.readiness()).status === 200 ? true : undefined));
  }

  it('byte for byte, and hands it over when the peer dies', async () => {
    const { dc1, dc2, database } = await running();
    const contents = new Map([
      ['orders', freshBytes(LARGE_BYTES)],
      ['kunden/Ä ö', freshBytes(10)],
    ]);
    for (const [origin, content] of contents) await dc1.putReplicated(origin, content);
    expect((await dc2.status()).store).to.include({ kind: 'postgresql', ok: true });
    expect(await database.query('SELECT count(*)::int AS n FROM crossdc_snapshot')).to.deep.equal([{ n: 2 }]);

    await dc1.kill9();
    const app = new TestApp(dc2);
    await app.absorb((await dc2.events.until('delivery')).data.delivery);
    for (const [origin, content] of contents) expect(app.absorbed.get(origin)!.equals(content), origin).to.equal(true);
    await dc2.events.until('delivery-done');
  });

  for (const how of ['stop', 'kill9'] as const) {
    it(`and still has it after its own end (${how}), when the peer is dead`, async () => {
      const { dc1, dc2 } = await running();
      const content = freshBytes(LARGE_BYTES);
      const version = await dc1.putReplicated('orders', content);
      await dc2[how]();
      await dc2.start();
      expect((await dc2.held('dc1')).map((row) => row.version)).to.deep.equal([version]);
      await dc1.kill9();
      const app = new TestApp(dc2);
      await app.absorb((await dc2.events.until('delivery')).data.delivery);
      expect(app.absorbed.get('orders')!.equals(content)).to.equal(true);
    });
  }

  it('and gets it again from the peer when the database was lost', async () => {
    const { dc1, dc2, database } = await running();
    const content = freshBytes(LARGE_BYTES);
    await dc1.putReplicated('orders', content);
    await dc2.stop();
    await database.query('DROP TABLE crossdc_snapshot, crossdc_snapshot_chunk, crossdc_snapshot_meta');
    await dc2.start();
    await untilShown('the origin', async () => ((await dc2.held('dc1')).length === 1 ? true : undefined));
    expect((await heldAt(dc2, 'orders')).equals(content)).to.equal(true);
  });

  for (const { name, begin, end, reason } of TROUBLES) {
    it(`which ${name}: it is said once, the sender goes on trying, heartbeats go on; then all of it arrives`, async function () {
      this.timeout(180_000);
      const site = await running({ keys: CALM }, { config: { max_connections: '12' } });
      const { dc1, dc2 } = site;
      const old = freshBytes(LARGE_BYTES);
      await dc1.putReplicated('orders', old);
      const { pid } = dc2;

      await begin(site);
      const contents = new Map([
        ['orders', freshBytes(LARGE_BYTES)],
        ['accounts', freshBytes(SMALL_BYTES)],
      ]);
      const versions = new Map<string, number>();
      for (const [origin, content] of contents) versions.set(origin, (await dc1.putAccepted(origin, content)).version);
      const failed = await dc2.events.until('store-error');
      expect(failed.data.store).to.equal('held');
      expect(failed.data.reason).to.match(reason);
      const { status, checks } = await dc2.readiness();
      expect(status).to.equal(503);
      expect(checks.store!.ok).to.equal(false);
      expect((await dc2.status()).store.ok).to.equal(false);
      expect((await dc2.api('/healthz')).status).to.equal(200);
      await dc1.untilLogged('a snapshot could not be sent; it is tried again');
      expect((await dc1.peer('dc2')).replication.pending).to.equal(2);
      for (const [origin, content] of contents) {
        expect((await dc1.api(`/v1/snapshots/${origin}`)).body.equals(content), origin).to.equal(true);
      }
      await nothingMissed(site);

      await end(site);
      await dc2.events.until('store-recovered');
      for (const [origin, content] of contents) {
        await dc1.events.until('snapshot-replicated', (event) => event.version === versions.get(origin));
        expect((await heldAt(dc2, origin)).equals(content), origin).to.equal(true);
      }
      await untilReady(dc2);
      await nothingMissed(site);
      expect(dc2.events.types(0, 'store-error', 'store-recovered')).to.deep.equal(['store-error', 'store-recovered']);
      expect(dc2.pid).to.equal(pid);
    });

    it(`which ${name}, and the peer dies: its death is found all the same, and what is held is handed over afterwards`, async function () {
      this.timeout(180_000);
      const site = await running({}, { config: { max_connections: '12' } });
      const { dc1, dc2 } = site;
      const content = freshBytes(LARGE_BYTES);
      await dc1.putReplicated('orders', content);

      await begin(site);
      await dc1.kill9();
      const down = await dc2.events.until('peer-down');
      const silenceMs = Date.parse(down.data.at) - Date.parse(down.data.lastHeartbeatAt!);
      expect(silenceMs).to.be.within(DEATH_MS - 2, DEATH_MS + 3000);
      await dc2.events.until('delivery');

      await end(site);
      const app = new TestApp(dc2);
      const [open] = await dc2.deliveries();
      await untilShown('the content', async () =>
        (await dc2.api(open!.snapshots[0]!.href)).status === 200 ? true : undefined,
      );
      await app.absorb(open!);
      expect(app.absorbed.get('orders')!.equals(content)).to.equal(true);
      await dc2.events.until('delivery-done');
      expect(dc2.events.of('snapshot-damaged')).to.deep.equal([]);
    });
  }

  it('which is away when the gateway starts: nothing is taken for empty, and the takeover waits for it', async () => {
    const { dc1, dc2, server } = await running();
    const content = freshBytes(LARGE_BYTES);
    await dc1.putReplicated('orders', content);
    await dc2.stop();
    await server.stop();
    const from = dc2.events.mark;
    await dc2.start();
    await dc2.events.until('store-error', (event) => event.store === 'held', from);
    expect((await dc2.readiness()).status).to.equal(503);

    await dc1.kill9();
    await dc2.events.until('peer-down', () => true, from);
    // Its own work may have been taken over while it was away, and is not to be taken back by itself so soon.
    const blocked = await dc2.events.until('takeover-blocked', ({ workload }) => workload === 'dc1', from);
    expect(blocked.data).to.include({ dataCenter: 'dc1', reason: 'store-unavailable' });
    expect((await dc2.peer('dc1')).blockedBy).to.equal('store-unavailable');
    await dc2.events.noneFor(DEATH_MS, ['delivery'], from);
    expect(await dc2.deliveries()).to.deep.equal([]);

    await server.start();
    await dc2.events.until('store-recovered', () => true, from);
    const app = new TestApp(dc2);
    await app.absorb((await dc2.events.until('delivery', () => true, from)).data.delivery);
    expect(app.absorbed.get('orders')!.equals(content)).to.equal(true);
    await dc2.events.until('takeover-completed', ({ workload }) => workload === 'dc1', from);
    expect((await rowOf(dc2, 'dc1')).blockedBy).to.equal(null);
    await untilReady(dc2);
  });
});
