import { expect } from 'chai';
import type { GatewayProcess } from '../support/gateway-process.ts';
import { Pair } from '../support/pair.ts';
import { databaseServer } from '../support/postgres-server.ts';
import { useStage } from '../support/stage.ts';
import type { TestDatabase } from '../support/test-database.ts';
import { freshBytes, TestApp } from '../support/test-app.ts';

const BYTES = 1_500_000;
const ROW = 'version = $1';
const PIECES = `snapshot = (SELECT id FROM crossdc_snapshot WHERE ${ROW})`;

interface Harm {
  readonly name: string;
  /** With the version as $1. */
  readonly sql: string;
  /** Whether a gateway that runs meets it when it reads: rows it has in memory. */
  readonly isSeenByReader: boolean;
  /** Whether it leaves anything of the version by which a start could know that there was one. */
  readonly leavesTrace: boolean;
}

const HARMS: readonly Harm[] = [
  {
    name: 'a bit of its content is flipped',
    sql: `UPDATE crossdc_snapshot_chunk SET bytes = set_byte(bytes, 99, get_byte(bytes, 99) # 1) WHERE ${PIECES} AND number = 1`,
    isSeenByReader: true,
    leavesTrace: true,
  },
  {
    name: 'a piece of its content is missing',
    sql: `DELETE FROM crossdc_snapshot_chunk WHERE ${PIECES} AND number = 0`,
    isSeenByReader: true,
    leavesTrace: true,
  },
  {
    name: 'its row is missing',
    sql: `DELETE FROM crossdc_snapshot WHERE ${ROW}`,
    isSeenByReader: true,
    leavesTrace: false,
  },
  {
    name: 'its row was altered',
    sql: `UPDATE crossdc_snapshot SET sha256 = repeat('0', 64) WHERE ${ROW}`,
    isSeenByReader: false,
    leavesTrace: true,
  },
];

describe('a held snapshot is damaged in PostgreSQL', () => {
  const stage = useStage();

  interface Held {
    readonly dc1: GatewayProcess;
    readonly dc2: GatewayProcess;
    readonly old: Buffer;
    readonly fresh: Buffer;
    readonly versions: readonly [number, number];
    readonly harm: (sql: string) => Promise<unknown>;
  }

  async function twoVersions(): Promise<Held> {
    const database: TestDatabase = await (await databaseServer()).createDatabase();
    stage.after(() => database.drop());
    const { dc1, dc2 } = await Pair.running(stage, { dc2: { dataSnapshotJdbcUrl: database.url } });
    const old = freshBytes(BYTES);
    const fresh = freshBytes(BYTES);
    const versions = [await dc1.putReplicated('orders', old), await dc1.putReplicated('orders', fresh)] as const;
    return { dc1, dc2, old, fresh, versions, harm: (sql) => database.query(sql, [versions[1]]) };
  }

  for (const { name, sql } of HARMS.filter((each) => each.isSeenByReader)) {
    it(`(${name}) before it is handed over: it is set aside and said, and the version before is delivered`, async () => {
      const { dc1, dc2, old, versions, harm } = await twoVersions();
      await dc1.kill9();
      const { delivery } = (await dc2.events.until('delivery')).data;
      expect(delivery.snapshots[0]!.version).to.equal(versions[1]);
      await harm(sql);
      const refused = await dc2.api(delivery.snapshots[0]!.href);
      expect(refused.status).to.equal(409);
      expect(refused.json()).to.include({ type: 'urn:crossdc:problem:snapshot-replaced' });
      const damaged = await dc2.events.until('snapshot-damaged');
      expect(damaged.data).to.include({ dataCenter: 'dc1', origin: 'orders', version: versions[1] });

      const again = (await dc2.events.until('delivery', (event) => event.delivery.attempt > 1)).data.delivery;
      expect(again.snapshots.map(({ version }) => version)).to.deep.equal([versions[0]]);
      const app = new TestApp(dc2);
      await app.absorb(again);
      expect(app.absorbed.get('orders')!.equals(old)).to.equal(true);
      await dc2.events.until('delivery-done');
      expect(await dc2.metric('crossdc_snapshot_verification_failures_total', { store: 'held' })).to.equal(1);
      expect(dc2.events.of('snapshot-damaged')).to.have.length(1);
    });

    it(`(${name}) and its origin is up: the version before is given, and the origin sends it again`, async () => {
      const { dc1, dc2, old, fresh, versions, harm } = await twoVersions();
      await dc1.events.until('snapshot-replicated', (event) => event.version === versions[1]);
      const from = dc1.events.mark;
      await harm(sql);
      const answer = await dc2.api('/v1/peers/dc1/snapshots/orders');
      expect(answer.status).to.equal(200);
      expect(answer.body.equals(old)).to.equal(true);
      await dc2.events.until('snapshot-damaged', (event) => event.version === versions[1]);
      await dc1.events.until('snapshot-replicated', (event) => event.version === versions[1], from);
      expect((await dc2.api('/v1/peers/dc1/snapshots/orders')).body.equals(fresh)).to.equal(true);
    });
  }

  for (const { name, sql, leavesTrace } of HARMS) {
    it(`(${name}) while the gateway is away: it starts all the same, and hands over the version before`, async () => {
      const { dc1, dc2, old, versions, harm } = await twoVersions();
      await dc1.kill9();
      const { delivery } = (await dc2.events.until('delivery')).data;
      await dc2.kill9();
      await harm(sql);
      const from = dc2.events.mark;
      await dc2.start();
      const offered = (await dc2.events.until('delivery', () => true, from)).data.delivery;
      expect(offered.id).to.equal(delivery.id);
      // It is found when it is read, or was found already when the rows were.
      if (offered.snapshots[0]!.version === versions[1]) {
        expect((await dc2.api(offered.snapshots[0]!.href)).status).to.equal(409);
      }
      const isReplaced = (event: { delivery: typeof offered }): boolean =>
        event.delivery.snapshots[0]!.version === versions[0];
      const replaced = await dc2.events.until('delivery', isReplaced, from);
      const app = new TestApp(dc2);
      await app.absorb(replaced.data.delivery);
      expect(app.absorbed.get('orders')!.equals(old)).to.equal(true);
      if (leavesTrace) await dc2.events.until('snapshot-damaged', (event) => event.version === versions[1], from);
      expect(dc2.events.of('snapshot-damaged', from)).to.have.length(leavesTrace ? 1 : 0);
    });
  }
});
