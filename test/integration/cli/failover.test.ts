import { expect } from 'chai';
import { GatewayError } from '../../../src/errors.ts';
import type { OwnershipView } from '../../../src/ports/ownership-api.ts';
import { fakeForeignRow, fakePlan, fakeRow } from '../../support/fake-ownership.ts';
import { peerView } from '../../unit/cli/status-view.ts';
import { crossdc, memoryIo, type Outcome } from './memory-io.ts';
import { json, problem, ScriptedGateway } from './scripted-gateway.ts';

const AT = '2026-01-02T03:04:05.678Z';
const ROW = 'GET /v1/ownership/dc1';
const MOVE = 'POST /v1/ownership/dc1';

const movedRow = (phase: NonNullable<OwnershipView['move']>['phase'], reason: string | null = null): OwnershipView =>
  fakeRow({
    move: {
      id: 'm-2',
      workload: 'dc1',
      from: 'dc1',
      to: 'dc2',
      epoch: 2,
      phase,
      startedAt: AT,
      reason,
      snapshots: 1,
      missing: [],
    },
  });
const gone = fakeRow({ owner: 'dc2', epoch: 2, primary: false, reason: 'switchover' });

const takenRow = (
  phase: NonNullable<OwnershipView['takeover']>['phase'],
  more: Partial<NonNullable<OwnershipView['takeover']>> = {},
): OwnershipView =>
  fakeForeignRow({
    takeover: {
      id: 't-2',
      workload: 'dc2',
      from: 'dc2',
      epoch: 2,
      phase,
      actor: 'operator (no token)',
      forced: false,
      startedAt: AT,
      steps: [],
      delivery: '41',
      inputs: {},
      acknowledged: false,
      blockedBy: null,
      ...more,
    },
  });
const takeoverPlan = fakePlan({ workload: 'dc2', kind: 'takeover', from: 'dc2', to: 'dc1' });

describe('crossdc failover', () => {
  let gateway: ScriptedGateway;

  beforeEach(async () => {
    gateway = await ScriptedGateway.start();
  });
  afterEach(() => gateway.stop());

  const run = (...argv: string[]): Promise<Outcome> => crossdc(['failover', ...argv, '--url', gateway.url]);
  const asked = (): unknown[] =>
    gateway.seen
      .filter(({ line }) => line.startsWith('POST'))
      .map(({ body }) => JSON.parse(body.toString('utf8')) as unknown);
  const steps = (out: string): string[] =>
    [...out.matchAll(/^ +\d+\.\d s {2}(\S+)/gm)].map(([, first = '']) => first.replace(/:$/, ''));

  it('prints the plan, begins, and prints each phase until the target owns it', async () => {
    const rows = [
      fakeRow(),
      fakeRow(),
      ...(['snapshots', 'releasing', 'releasing', 'flushing', 'handing-over'] as const).map((phase) => movedRow(phase)),
      gone,
    ];
    gateway.on(ROW, ...rows.map((row) => json(200, row)));
    gateway.on(MOVE, json(202, fakePlan()));
    const { status, out, err } = await run('dc1', '--to', 'dc2', '--if-epoch', '1');
    expect({ status, err }).to.deep.equal({ status: 0, err: '' });
    expect(out.split('\n').slice(0, 5)).to.deep.equal([
      'switchover of dc1 from dc1 to dc2, epoch 1 to 2',
      '  ok  owner   "dc1" owns it',
      '  ok  target  "dc2" is up',
      '  1. "dc1" asks its application for fresh snapshots',
      '  2. "dc1" gives the work to "dc2" under epoch 2',
    ]);
    expect(steps(out)).to.deep.equal(['snapshots', 'releasing', 'flushing', 'handing-over', 'dc2']);
    expect(out).to.match(/^ +\d+\.\d s {2}dc2 owns dc1 since epoch 2\n$/m);
    expect(asked()).to.deep.equal([{ to: 'dc2', ifEpoch: 1, force: false, acceptDataLoss: false, dryRun: false }]);
  });

  it('says why it was refused, with the plan, and changes nothing', async () => {
    const plan = fakePlan({ checks: [{ check: 'target', ok: false, detail: '"dc2" is \u001b[2Jdown' }] });
    gateway.on(ROW, json(200, fakeRow()));
    gateway.on(MOVE, problem(new GatewayError('ownership-refused', '"dc2" is down.', { facts: { plan } })));
    const { status, out, err } = await run('dc1', '--to', 'dc2');
    expect(status).to.equal(1);
    expect(out).to.contain('  no  target  "dc2" is \\u{1b}[2Jdown\n');
    expect(err).to.equal('crossdc: The change of owner is refused: "dc2" is down.\n');
    const told = await run('dc1', '--to', 'dc2', '--json');
    expect(JSON.parse(told.out)).to.deep.include({ outcome: 'refused', plan });
  });

  it('says why it was rolled back, and who owns it', async () => {
    const before = fakeRow({ move: { ...movedRow('rolled-back').move!, id: 'm-1', reason: 'long ago' } });
    const rolledBack = movedRow('rolled-back', '"dc2" is down');
    gateway.on(ROW, json(200, before), json(200, before), json(200, movedRow('flushing')), json(200, rolledBack));
    gateway.on(MOVE, json(202, fakePlan()));
    const { status, err } = await run('dc1', '--to', 'dc2');
    expect(status).to.equal(1);
    expect(err).to.match(/^crossdc: dc1: rolled back: "dc2" is down; .*dc1 owns dc1 as before\n$/);
  });

  it('says who owns it when somebody else was given it meanwhile', async () => {
    gateway.on(ROW, json(200, fakeRow()), json(200, fakeRow({ owner: 'dc3', epoch: 4 })));
    gateway.on(MOVE, json(202, fakePlan()));
    expect((await run('dc1', '--to', 'dc2')).err).to.match(/^crossdc: dc1: dc3 owns dc1 since epoch 4; /);
  });

  it('follows a takeover by hand, also one that was held up before and is held up no more', async () => {
    const held = takenRow('due', { actor: 'automatic', delivery: null, epoch: 0, blockedBy: 'app-critical' });
    gateway.on(
      'GET /v1/ownership/dc2',
      ...[held, held, takenRow('delivering'), takenRow('changing'), takenRow('completed')].map((row) => json(200, row)),
      json(200, fakeForeignRow({ owner: 'dc1', epoch: 2, primary: true })),
    );
    gateway.on('POST /v1/ownership/dc2', json(202, { ...takeoverPlan, forced: true }));
    const { status, out } = await run('dc2', '--to', 'dc1', '--force', '--accept-data-loss');
    expect(status).to.equal(0);
    expect(out).to.contain('forced takeover of dc2 from dc2 to dc1, epoch 1 to 2\n');
    expect(steps(out)).to.deep.equal(['due', 'delivering', 'changing', 'completed', 'dc1']);
    expect(asked()).to.deep.equal([{ to: 'dc1', force: true, acceptDataLoss: true, dryRun: false }]);
  });

  it('says what blocks a takeover, and the command that frees it', async () => {
    const blocked = takenRow('due', { blockedBy: 'nothing-held' });
    gateway.on('GET /v1/ownership/dc2', json(200, fakeForeignRow()), json(200, blocked));
    gateway.on('POST /v1/ownership/dc2', json(202, takeoverPlan));
    const { status, err } = await run('dc2', '--to', 'dc1');
    expect(status).to.equal(1);
    expect(err).to.match(
      /^crossdc: dc2: blocked by nothing-held, .*crossdc failover dc2 --to dc1 --force --accept-data-loss begins/,
    );
  });

  it('says that a takeover was called off', async () => {
    gateway.on('GET /v1/ownership/dc2', json(200, fakeForeignRow()), json(200, takenRow('cancelled')));
    gateway.on('POST /v1/ownership/dc2', json(202, takeoverPlan));
    expect(await run('dc2', '--to', 'dc1')).to.include({
      status: 1,
      err: 'crossdc: dc2: called off; dc2 owns dc2 as before, and crossdc events says why (takeover-cancelled)\n',
    });
  });

  it('with --dry-run prints the plan and changes nothing, and fails when it would be refused', async () => {
    gateway.on(ROW, json(200, fakeRow()));
    gateway.on(
      MOVE,
      json(200, fakePlan()),
      json(200, fakePlan({ checks: [{ check: 'idle', ok: false, detail: 'no' }] })),
    );
    const good = await run('dc1', '--to', 'dc2', '--dry-run');
    expect([good.status, good.err]).to.deep.equal([0, '']);
    expect(good.out).to.contain('nothing has changed: this was --dry-run');
    expect(await run('dc1', '--to', 'dc2', '--dry-run')).to.include({
      status: 1,
      err: 'crossdc: dc1: it would be refused: idle: no\n',
    });
    expect(asked().map((body) => (body as { dryRun: boolean }).dryRun)).to.deep.equal([true, true]);
  });

  it('with --force alone prints what would be lost, and begins nothing', async () => {
    gateway.on(ROW, json(200, fakeRow()));
    gateway.on(MOVE, json(200, fakePlan({ forced: true, losses: ['orders: 3 s of posts'] })));
    const { status, out, err } = await run('dc1', '--to', 'dc2', '--force');
    expect(status).to.equal(1);
    expect(out).to.contain('\n  lost: orders: 3 s of posts\n');
    expect(err).to.contain('crossdc failover dc1 --to dc2 --force --accept-data-loss does it');
    expect(asked()).to.deep.equal([{ to: 'dc2', force: true, acceptDataLoss: false, dryRun: true }]);
  });

  it('with --force alone does not point to a force that would be refused', async () => {
    const checks = [{ check: 'owner', ok: false, detail: '"dc2" owns it already' }];
    gateway.on(ROW, json(200, fakeRow({ owner: 'dc2' })));
    gateway.on(MOVE, json(200, fakePlan({ forced: true, checks })));
    expect(await run('dc1', '--to', 'dc2', '--force')).to.include({
      status: 1,
      err:
        'crossdc: dc1: nothing has changed: it would be refused, and --force does not overrule that: ' +
        'owner: "dc2" owns it already\n',
    });
    expect(await run('dc1', '--to', 'dc2', '--force', '--dry-run')).to.include({
      status: 1,
      err: 'crossdc: dc1: it would be refused: owner: "dc2" owns it already\n',
    });
  });

  it('with --no-wait begins and does not follow', async () => {
    gateway.on(ROW, json(200, fakeRow()));
    gateway.on(MOVE, json(202, fakePlan()));
    const { status, out } = await run('dc1', '--to', 'dc2', '--no-wait');
    expect(status).to.equal(0);
    expect(out).to.match(/ s {2}begun\n$/);
    expect(gateway.lines).to.deep.equal([ROW, MOVE]);
  });

  it('gives one JSON document with what became of it', async () => {
    gateway.on(ROW, json(200, fakeRow()), json(200, movedRow('committed')), json(200, gone));
    gateway.on(MOVE, json(202, fakePlan()));
    const { status, out } = await run('dc1', '--to', 'dc2', '--json');
    expect(status).to.equal(0);
    expect(JSON.parse(out)).to.deep.include({ outcome: 'done', plan: fakePlan(), row: gone });
  });

  it('says where to look for what another gateway waits for, when its takeover is not over in time', async () => {
    const forced = { ...takeoverPlan, forced: true };
    gateway.on('GET /v1/ownership/dc2', json(200, fakeForeignRow({ blockedUntil: AT })));
    gateway.on('POST /v1/ownership/dc2', json(202, forced));
    const { status, err } = await run('dc2', '--to', 'dc1', '--force', '--accept-data-loss', '--timeout', '0.05');
    expect(status).to.equal(1);
    expect(err).to.match(
      /not called off: what "dc1" waits for is shown there: crossdc ownership dc2, with --url of its gateway\n$/,
    );
  });

  it('ends after its time, says where it is, and does not call it off', async () => {
    gateway.on(ROW, json(200, fakeRow()), json(200, movedRow('handing-over')));
    gateway.on(MOVE, json(202, fakePlan()));
    const { status, err } = await run('dc1', '--to', 'dc2', '--timeout', '0.05');
    expect(status).to.equal(1);
    expect(err).to.match(
      /^crossdc: dc1: not done after .* not called off: dc1: move from dc1 to dc2 .*\(handing-over\)/,
    );
  });

  it('goes on when the gateway is away for a moment, as while it is restarted', async () => {
    gateway.on(ROW, json(200, fakeRow()), (response) => response.destroy(), json(200, gone));
    gateway.on(MOVE, json(202, fakePlan()));
    const { status, err } = await run('dc1', '--to', 'dc2');
    expect(status).to.equal(0);
    expect(err).to.match(/^crossdc: no gateway answers at .* Trying again\.\n$/);
  });

  it('is unreachable when the gateway stays away', async () => {
    gateway.on(ROW, json(200, fakeRow()), (response) => response.destroy());
    gateway.on(MOVE, json(202, fakePlan()));
    expect((await run('dc1', '--to', 'dc2', '--timeout', '0.05')).status).to.equal(69);
  });

  it('that is interrupted says that what was begun goes on', async () => {
    const io = memoryIo();
    gateway.on(ROW, json(200, fakeRow()), (response, seen) => {
      io.interrupt();
      return json(200, movedRow('releasing'))(response, seen);
    });
    gateway.on(MOVE, json(202, fakePlan()));
    const outcome = await crossdc(['failover', 'dc1', '--to', 'dc2', '--url', gateway.url], io);
    expect(outcome.status).to.equal(1);
    expect(outcome.err).to.equal('crossdc: interrupted; what was begun goes on, and crossdc ownership shows it\n');
  });

  it('says that there is no such workload, and asks for nothing', async () => {
    gateway.on('GET /v1/ownership/dc9', problem(new GatewayError('not-found', 'No workload is called "dc9".')));
    expect(await run('dc9', '--to', 'dc2')).to.include({
      status: 1,
      err: 'crossdc: There is no such thing: No workload is called "dc9".\n',
    });
    expect(asked()).to.deep.equal([]);
  });
});

describe('crossdc ownership and ack', () => {
  let gateway: ScriptedGateway;

  beforeEach(async () => {
    gateway = await ScriptedGateway.start();
  });
  afterEach(() => gateway.stop());

  it('ownership prints a row for each workload, or the JSON', async () => {
    const rows = [fakeRow(), fakeForeignRow({ blockedBy: 'passive' })];
    gateway.on('GET /v1/ownership', json(200, rows));
    gateway.on('GET /v1/peers', json(200, [peerView()]));
    const { status, out } = await crossdc(['ownership', '--url', gateway.url]);
    expect(status).to.equal(0);
    expect(out).to.equal(`\
workload  owner  attached  application  since  epoch  behind
dc1       dc1    yes       passing      54s    1      none
dc2       dc2    yes       passing      54s    1      -
dc2: nothing follows, blocked by passive: this gateway is passive; crossdc failover dc2 --to dc1 takes it
`);
    expect(JSON.parse((await crossdc(['ownership', '--json', '--url', gateway.url])).out)).to.deep.equal(rows);
    expect(gateway.lines.slice(2)).to.deep.equal(['GET /v1/ownership']);
  });

  it('ownership says that the work of an owner that has left is done by nobody', async () => {
    gateway.on('GET /v1/ownership', json(200, [fakeRow(), fakeForeignRow()]));
    gateway.on('GET /v1/peers', json(200, [peerView({ state: 'left' })]));
    const { out } = await crossdc(['ownership', '--url', gateway.url]);
    expect(out).to.contain('\ndc2: nobody does it: dc2 has left; crossdc failover dc2 --to dc1 takes it here\n');
  });

  describe('ack', () => {
    const until = '2026-01-02T04:00:00.000Z';
    const dc1 = { workload: 'dc2', owner: 'dc1', epoch: 7, since: AT, reason: 'takeover' } as const;
    const conflict = {
      workload: 'dc2',
      winner: dc1,
      loser: { ...dc1, owner: 'dc2', epoch: 6 },
      overlapMs: 3200,
      at: AT,
      acknowledged: false,
    };
    const taken = fakeForeignRow({ owner: 'dc1', epoch: 7, reason: 'takeover' });
    const ack = (...rows: OwnershipView[]): Promise<Outcome> => {
      gateway.on('GET /v1/ownership/dc2', ...rows.map((row) => json(200, row)));
      gateway.on('POST /v1/ownership/dc2/ack', (response) => response.writeHead(204).end());
      return crossdc(['ack', 'dc2', '--url', gateway.url]);
    };

    it('says which conflict and which takeover were acknowledged', async () => {
      expect(await ack({ ...taken, conflict, blockedUntil: until }, taken)).to.deep.equal({
        status: 0,
        out:
          'acknowledged: dc2: conflict: dc1 (epoch 7) and dc2 (epoch 6) both owned it, for 3.2 s\n' +
          'acknowledged: dc2: the takeover of epoch 7: another may follow by itself\n',
        err: '',
      });
      expect(gateway.lines).to.deep.equal([
        'GET /v1/ownership/dc2',
        'POST /v1/ownership/dc2/ack',
        'GET /v1/ownership/dc2',
      ]);
    });

    it('says which takeover it was when the work has gone on since', async () => {
      const { takeover } = takenRow('completed', { epoch: 7 });
      const back = fakeForeignRow({ epoch: 8, reason: 'failback', blockedUntil: until });
      const { out } = await ack({ ...back, takeover }, fakeForeignRow());
      expect(out).to.equal('acknowledged: dc2: the takeover of epoch 7: another may follow by itself\n');
      expect((await ack(back, fakeForeignRow())).out).to.contain('dc2: the last takeover: another may');
    });

    it('says when there was nothing to acknowledge', async () => {
      expect(await ack(fakeForeignRow())).to.deep.equal({
        status: 0,
        out: 'nothing to acknowledge for dc2\n',
        err: '',
      });
    });

    it('calls nothing acknowledged that is still there, nor what came meanwhile', async () => {
      const newer = { ...taken, conflict: { ...conflict, at: until }, blockedUntil: null };
      expect((await ack({ ...taken, conflict }, newer)).out).to.match(/^acknowledged: dc2: conflict: /);
      expect((await ack({ ...taken, conflict }, { ...taken, conflict })).out).to.match(/^nothing to acknowledge/);
    });

    it('says when there is nothing of that name', async () => {
      gateway.on('GET /v1/ownership/dc9', problem(new GatewayError('not-found', 'No workload is called "dc9".')));
      expect((await crossdc(['ack', 'dc9', '--url', gateway.url])).status).to.equal(1);
      expect(gateway.lines).to.deep.equal(['GET /v1/ownership/dc9']);
    });
  });
});
