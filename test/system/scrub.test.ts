import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { DamagedView, OwnVersionView, StatusView } from '../../src/ports/gateway-api.ts';
import type { GatewayProcess } from '../support/gateway-process.ts';
import { Pair } from '../support/pair.ts';
import { crossdc } from '../support/program.ts';
import { untilShown } from '../support/seen.ts';
import { useStage } from '../support/stage.ts';
import { freshBytes } from '../support/test-app.ts';

const SCRUB = { snapshotScrubInterval: 1 };

function fileOf(gateway: GatewayProcess, version: number): string {
  return join(gateway.stateFolder, 'held/dc1/dc1/orders', `${version}.snapshot`);
}

async function scrubOf(gateway: GatewayProcess): Promise<StatusView['scrub']> {
  return ((await gateway.api('/v1/status')).json() as StatusView).scrub;
}

describe('what is stored is verified in the background', () => {
  const stage = useStage();

  it('nobody reads it, and yet damage is found, shown, counted, and healed by its origin', async () => {
    const { dc1, dc2 } = await Pair.running(stage, { dc2: SCRUB });
    const fresh = freshBytes(3_000_000);
    await dc1.putReplicated('orders', freshBytes(10_000));
    const version = await dc1.putReplicated('orders', fresh);
    await dc1.events.until('snapshot-replicated', (event) => event.version === version);
    const from = dc1.events.mark;
    const bytes = readFileSync(fileOf(dc2, version));
    bytes[2_000_000]! ^= 1;
    writeFileSync(fileOf(dc2, version), bytes);
    const damaged = await dc2.events.until('snapshot-damaged');
    expect(damaged.data).to.include({ dataCenter: 'dc1', origin: 'orders', version });
    await dc1.events.until('snapshot-replicated', (event) => event.version === version, from);
    expect((await dc2.api('/v1/peers/dc1/snapshots/orders')).body.equals(fresh)).to.equal(true);
    expect(await dc2.metric('crossdc_scrub_damaged_total')).to.equal(1);

    const kept = (await dc2.api('/v1/damaged')).json() as DamagedView[];
    expect(kept.map(({ store }) => store)).to.deep.equal(['held']);
    expect(kept[0]?.bytes).to.be.at.least(bytes.length);
    expect(kept[0]?.reason).to.match(/SHA-256/);
    await untilShown('a round with nothing damaged', async () => {
      const { state, verified, damaged: found, completedAt } = await scrubOf(dc2);
      return state === 'idle' && verified === 2 && found === 0 && completedAt !== null ? true : undefined;
    });
    expect(await dc2.metric('crossdc_scrub_last_completed_timestamp_seconds')).to.be.greaterThan(1_700_000_000);
    expect(await dc2.metric('crossdc_archive_bytes', { store: 'held' })).to.be.at.least(0);
    const { stdout } = await crossdc('status', '--url', dc2.url);
    expect(stdout).to.match(/^scrub +(completed .* ago, 2 versions|running)/m);
  });

  it('and shown whole: every version, where it is and why', async () => {
    const { dc1, dc2 } = await Pair.running(stage, { keys: SCRUB });
    const old = await dc1.putReplicated('orders', freshBytes(10_000));
    await dc1.putReplicated('orders', '');
    await dc1.putReplicated('audit', 'one');
    await dc2.putReplicated('orders', 'of dc2');
    truncateSync(fileOf(dc2, old), 5);
    await dc2.events.until('snapshot-damaged');
    const { stdout } = await crossdc('snapshots', 'list', '--all', '--url', dc2.url);
    expect(stdout).to.match(/^STORE +FROM +ORIGIN +VERSION +BYTES +AGE +STATE +SINCE +WHY +SHA256$/m);
    expect(stdout).to.match(/^outgoing +dc2 +orders +\d+ +6 B +\S+ +live +\S+ +- +[0-9a-f]{12}$/m);
    expect(stdout).to.match(/^held +dc1 +audit +\d+ +3 B +\S+ +held +\S+ +- +[0-9a-f]{12}$/m);
    expect(stdout).to.match(/^held +dc1 +orders +\d+ +0 B +\S+ +withdrawn +\S+ +- +[0-9a-f]{12}$/m);
    expect(stdout).to.match(
      /^held +dc1 +orders +\d+ +9\.8 KiB +\S+ +lost +\S+ +it has 5 of 10000 bytes +[0-9a-f]{12}$/m,
    );
    expect(stdout).to.match(/^held +\d+ B +\S+ +it has 5 of 10000 bytes +dc1\/dc1\/orders\/damaged-[0-9a-f]{8}$/m);
    const own = (await dc1.api('/v1/snapshots?history=true')).json() as OwnVersionView[];
    expect(own.map(({ origin, state, reason }) => [origin, state, reason])).to.deep.equal([
      ['audit', 'live', null],
      ['orders', 'withdrawn', null],
      ['orders', 'set-aside', `version ${own[1]?.version} withdrew the origin`],
    ]);
  });

  it('and what is no longer to be kept is deleted, but the version that is offered is not', async () => {
    const { dc1, dc2 } = await Pair.running(stage, { keys: { ...SCRUB, snapshotArchiveMaxAge: 0 } });
    const fresh = freshBytes(10_000);
    const old = await dc1.putReplicated('orders', freshBytes(10_000));
    const version = await dc1.putReplicated('orders', fresh);
    truncateSync(fileOf(dc2, old), 5);
    await dc2.events.until('snapshot-damaged');
    await untilShown('the damaged version is gone', async () => {
      const rows = await dc2.history('dc1');
      const kept = (await dc2.api('/v1/damaged')).json() as DamagedView[];
      return rows.length === 1 && kept.length === 0 ? true : undefined;
    });
    expect((await dc2.history('dc1')).map((row) => [row.version, row.state])).to.deep.equal([[version, 'held']]);
    expect((await dc2.api('/v1/peers/dc1/snapshots/orders')).body.equals(fresh)).to.equal(true);
    expect(await dc2.metric('crossdc_archive_removed_total', { store: 'held' })).to.equal(2);
  });
});
