import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { Pair } from '../support/pair.ts';
import { databaseServer } from '../support/postgres-server.ts';
import { crossdc } from '../support/program.ts';
import { untilShown } from '../support/seen.ts';
import { useStage, type Stage } from '../support/stage.ts';
import { freshBytes } from '../support/test-app.ts';
import type { TestDatabase } from '../support/test-database.ts';

const ALONE = { remoteDataCenterApplicationMachineNames: '127.0.0.1:9' };

describe('a gateway with a database', () => {
  const stage = useStage();

  async function databaseOf(on: Stage): Promise<TestDatabase> {
    const database = await (await databaseServer()).createDatabase();
    on.after(() => database.drop());
    return database;
  }

  it('keeps there what it holds, over a restart, and no held folder; the password is in no log', async () => {
    const database = await databaseOf(stage);
    const password = new URL(database.url).password;
    const names = { dataSnapshotTableName: 'public.Held of dc1', dataSnapshotPrimaryKeyColumnName: 'Key' };
    const pair = await Pair.running(stage, { dc1: { dataSnapshotJdbcUrl: database.url, ...names } });
    const { dc1, dc2 } = pair;
    const state = freshBytes(100_000);
    await dc2.putReplicated('orders', state);
    const [row] = await database.query<{ count: string }>('SELECT count(*)::text FROM public."Held of dc1"');
    expect(row?.count).to.equal('1');
    await dc1.kill9();
    await dc1.start();
    expect((await dc1.api('/v1/peers/dc2/snapshots/orders')).body.equals(state)).to.equal(true);
    expect(existsSync(join(dc1.stateFolder, 'held'))).to.equal(false);
    const place = dc1.logged('what the peers replicate is held in PostgreSQL');
    expect(place, 'once each start').to.have.length(2);
    expect(place[0]).to.include({ database: database.name, table: 'public.Held of dc1' });
    if (password !== '') {
      const said = JSON.stringify(dc1.log.all) + dc1.plainLines.join();
      expect(said).not.to.include(password).and.not.to.include(decodeURIComponent(password));
    }
  });

  it('is tried out by check-config --probe, which makes no table, also while the gateway runs', async () => {
    const database = await databaseOf(stage);
    const gateway = await stage.gateway('dc1', { ...ALONE, dataSnapshotJdbcUrl: database.url });
    gateway.writeConfig();
    const probe = (): ReturnType<typeof crossdc> => crossdc('check-config', '--config', gateway.configFile, '--probe');
    const before = await probe();
    expect(before.stdout).to.match(
      /^ok {6}dataSnapshotJdbcUrl: the database .*, table crossdc_snapshot, can be written$/m,
    );
    expect(before.status).to.equal(0);
    const tables = await database.query("SELECT 1 FROM pg_tables WHERE schemaname = 'public'");
    expect(tables).to.deep.equal([]);
    await gateway.start();
    expect((await probe()).status).to.equal(0);
    expect((await gateway.readiness()).status).to.equal(200);
  });

  it("ends with exit status 1 where the toolkit's own table is, names the keys and says what to do", async () => {
    const database = await databaseOf(stage);
    await database.query(
      'CREATE TABLE crossdc_snapshot (id VARCHAR(256) NOT NULL PRIMARY KEY, "replicationTime" VARCHAR(64), snapshot BYTEA)',
    );
    const gateway = await stage.gateway('dc1', { ...ALONE, dataSnapshotJdbcUrl: database.url });
    gateway.spawn();
    expect(await gateway.ended).to.deep.equal({ status: 1, signal: null });
    const line = await gateway.untilLogged('the gateway cannot run');
    expect(line).to.include({ code: 'store-foreign' });
    expect(line.error)
      .to.match(/^dataSnapshot(JdbcUrl|TableName): /)
      .and.to.include('dataSnapshotTableName');
    const { status, stdout } = await crossdc('check-config', '--config', gateway.configFile, '--probe');
    expect(status).to.equal(1);
    expect(stdout).to.match(/^failed {2}dataSnapshotJdbcUrl: .*dataSnapshotTableName/m);
  });

  it('that is away at the start runs all the same, says it, and goes on by itself', async () => {
    const database = await databaseOf(stage);
    const target = new URL(database.url);
    const relay = await stage.relay(Number(target.port === '' ? 5432 : target.port));
    relay.refuse();
    target.port = String(relay.port);
    const gateway = await stage.gateway('dc1', { ...ALONE, dataSnapshotJdbcUrl: target.href });
    await gateway.start();
    const said = await gateway.events.until('store-error', (event) => event.store === 'held');
    expect(said.data.reason).to.include('held');
    expect((await gateway.readiness()).status).to.equal(503);
    expect(await gateway.metric('crossdc_heartbeats_sent_total')).to.be.greaterThan(0);
    relay.heal();
    await gateway.events.until('store-recovered', (event) => event.store === 'held');
    await untilShown('readiness', async () => ((await gateway.api('/readyz')).status === 200 ? true : undefined));
  });
});
