import { expect } from 'chai';
import { GatewayError } from '../../../src/errors.ts';
import { fakeForeignRow, fakePlan, fakeRow } from '../../support/fake-ownership.ts';
import { Harness, problemOf, type Reply } from './harness.ts';

const TOKEN = 'the-token-of-the-operator';

describe('local API: who owns the work', () => {
  let api: Harness;
  beforeEach(async () => {
    api = await new Harness().start();
  });
  afterEach(() => api.stop());

  it('lists the rows, ours first, and shows one', async () => {
    const list = await api.checked('GET', '/v1/ownership');
    expect(list.json).to.deep.equal([fakeRow(), fakeForeignRow()]);
    expect((await api.checked('GET', '/v1/ownership/dc2')).json).to.deep.equal(fakeForeignRow());
  });

  it('shows a row with all that may be wrong with it', async () => {
    const rival = {
      workload: 'dc1',
      owner: 'dc2',
      epoch: 3,
      since: '2026-01-02T03:04:05.678Z',
      reason: 'takeover',
    } as const;
    const row = fakeRow({
      contestedBy: rival,
      conflict: {
        workload: 'dc1',
        winner: rival,
        loser: { ...rival, owner: 'dc1' },
        overlapMs: 1500.5,
        at: rival.since,
        acknowledged: false,
      },
      takeover: {
        id: 't-1',
        workload: 'dc1',
        from: 'dc2',
        epoch: 0,
        phase: 'due',
        actor: 'automatic',
        forced: false,
        startedAt: rival.since,
        steps: [{ step: 'started', at: rival.since, seconds: 0 }],
        delivery: null,
        inputs: { missed: 4, rttMs: null },
        acknowledged: false,
        blockedBy: 'nothing-held',
      },
      move: {
        id: 'm-1',
        workload: 'dc1',
        from: 'dc1',
        to: 'dc2',
        epoch: 4,
        phase: 'rolled-back',
        startedAt: rival.since,
        reason: 'the target went down',
        snapshots: 0,
        missing: [],
      },
      blockedBy: 'block-period',
      blockedUntil: rival.since,
    });
    api.api.ownership.list = [row];
    expect((await api.checked('GET', '/v1/ownership/dc1')).json).to.deep.equal(row);
  });

  for (const name of ['dc9', '..%2Fdc1', '%20', 'x'.repeat(65)]) {
    it(`answers 404 for the workload ${name.slice(0, 12)}, whatever is asked of it`, async () => {
      const replies = [
        await api.checked('GET', `/v1/ownership/${name}`),
        await api.postJson(`/v1/ownership/${name}`, { to: 'dc2' }),
        await api.checked('POST', `/v1/ownership/${name}/released`),
        await api.checked('POST', `/v1/ownership/${name}/ack`),
      ];
      for (const reply of replies) expect(problemOf(reply)).to.include({ status: 404, code: 'not-found' });
    });
  }

  describe('a change of owner', () => {
    const post = (body: object): Promise<Reply> => api.postJson('/v1/ownership/dc1', body);

    it('is begun, and answered 202 with the plan', async () => {
      const reply = await post({ to: 'dc2', ifEpoch: 1 });
      expect([reply.status, reply.json]).to.deep.equal([202, fakePlan()]);
      expect(api.api.ownership.asked).to.deep.equal([
        {
          workload: 'dc1',
          to: 'dc2',
          ifEpoch: 1,
          force: false,
          acceptDataLoss: false,
          dryRun: false,
          actor: 'operator (no token)',
        },
      ]);
    });

    it('is refused with the plan when a check fails, and only told with dryRun', async () => {
      const plan = fakePlan({ checks: [{ check: 'target', ok: false, detail: '"dc2" is down' }] });
      api.api.ownership.refusal = new GatewayError('ownership-refused', '"dc2" is down.', { facts: { plan } });
      const refused = await post({ to: 'dc2' });
      expect(problemOf(refused)).to.include({ status: 409, code: 'ownership-refused' });
      expect(refused.json).to.deep.include({ plan });
      const told = await post({ to: 'dc2', dryRun: true });
      expect([told.status, told.json]).to.deep.equal([200, plan]);
    });

    it('that is only to be told is answered 200 with the plan', async () => {
      const reply = await post({ to: 'dc2', dryRun: true });
      expect([reply.status, reply.json]).to.deep.equal([200, fakePlan()]);
    });

    it('that is forced names what it would lose, and is begun only when the loss is accepted', async () => {
      api.api.ownership.plan = fakePlan({ forced: true, losses: ['"orders": what was posted in the last 3 s'] });
      const refused = await post({ to: 'dc2', force: true });
      expect(problemOf(refused)).to.deep.equal({ status: 409, code: 'ownership-refused', field: 'acceptDataLoss' });
      expect(refused.json).to.deep.include({ plan: api.api.ownership.plan });
      expect(refused.text).to.contain('--accept-data-loss');
      expect(api.api.ownership.asked.map(({ dryRun }) => dryRun)).to.deep.equal([true]);
      expect((await post({ to: 'dc2', force: true, acceptDataLoss: true })).status).to.equal(202);
      expect(api.api.ownership.asked.at(-1)).to.include({ force: true, acceptDataLoss: true, dryRun: false });
    });

    it('is answered 503 when the gateway that has to decide does not answer', async () => {
      api.api.ownership.refusal = new GatewayError('peer-unavailable', '"dc2" does not answer.');
      for (const body of [{ to: 'dc2' }, { to: 'dc2', dryRun: true }, { to: 'dc2', force: true }])
        expect(problemOf(await post(body))).to.include({ status: 503, code: 'peer-unavailable' });
    });

    for (const [field, body] of [
      ['to', {}],
      ['to', { to: '../dc2' }],
      ['ifEpoch', { to: 'dc2', ifEpoch: 0 }],
      ['ifEpoch', { to: 'dc2', ifEpoch: '7' }],
      ['force', { to: 'dc2', force: 'yes' }],
      ['acceptDataLoss', { to: 'dc2', force: true, acceptDataLoss: 1 }],
      ['dryRun', { to: 'dc2', dryRun: 'false' }],
      ['ifepoch', { to: 'dc2', ifepoch: 3 }],
      ['dry-run', { to: 'dc2', 'dry-run': true }],
    ] as const) {
      it(`is refused for ${JSON.stringify(body)}`, async () => {
        expect(problemOf(await post(body))).to.deep.equal({ status: 400, code: 'bad-request', field });
        expect(api.api.ownership.asked).to.deep.equal([]);
      });
    }

    it('names what it takes when a field is misspelt, and not more than the beginning of a long one', async () => {
      expect((await post({ to: 'dc2', ifepoch: 3 })).json).to.deep.include({
        field: 'ifepoch',
        detail: 'ifepoch: is no field of this request, which takes to, ifEpoch, force, acceptDataLoss, dryRun',
      });
      expect(problemOf(await post({ to: 'dc2', ['x'.repeat(5000)]: 3 }))).to.include({ field: 'x'.repeat(100) });
    });
  });

  for (const word of ['released', 'ack'] as const) {
    it(`refuses fields in the body of ${word}, which takes none, and any type of no body`, async () => {
      const reply = await api.postJson(`/v1/ownership/dc1/${word}`, { ifEpoch: 3 });
      expect(problemOf(reply)).to.deep.equal({ status: 400, code: 'bad-request', field: 'ifEpoch' });
      expect(api.api.ownership.acknowledged.length + api.api.ownership.releasedOnes.length).to.equal(0);
      const headers = { 'content-type': 'application/x-www-form-urlencoded' };
      expect((await api.checked('POST', `/v1/ownership/dc1/${word}`, { headers })).status).to.equal(204);
    });
  }

  it('takes the word of the application that it has let go', async () => {
    expect((await api.checked('POST', '/v1/ownership/dc1/released')).status).to.equal(204);
    expect(api.api.ownership.releasedOnes).to.deep.equal(['dc1']);
    api.api.ownership.refusal = new GatewayError('not-releasing', 'Nobody has asked for it.');
    const late = await api.checked('POST', '/v1/ownership/dc1/released');
    expect(problemOf(late)).to.include({ status: 409, code: 'not-releasing' });
  });

  it('takes the acknowledgement of an operator', async () => {
    expect((await api.checked('POST', '/v1/ownership/dc2/ack', { body: '{}' })).status).to.equal(204);
    expect(api.api.ownership.acknowledged).to.deep.equal([{ workload: 'dc2', actor: 'operator (no token)' }]);
  });
});

describe('local API: where the work is served', () => {
  let api: Harness;
  beforeEach(async () => {
    api = await new Harness({ token: TOKEN }).start();
  });
  afterEach(() => api.stop());

  const asked = async (path: string): Promise<{ status: number; epoch: unknown; owner: unknown; json: unknown }> => {
    const { status, headers, json } = await api.checked('GET', path);
    return { status, epoch: headers['crossdc-epoch'], owner: headers['crossdc-owner'], json };
  };

  it('/primary is 200 where the work is owned and ready, our own without a name', async () => {
    api.api.ownership.list = [
      fakeRow({ epoch: 7 }),
      fakeForeignRow({ owner: 'dc1', epoch: 9, primary: true, notPrimaryBecause: null }),
    ];
    const body = { primary: true, reason: null, owner: 'dc1' };
    expect(await asked('/primary')).to.deep.equal({
      status: 200,
      epoch: '7',
      owner: 'dc1',
      json: { ...body, workload: 'dc1', epoch: 7 },
    });
    expect(await asked('/primary?workload=dc2')).to.deep.equal({
      status: 200,
      epoch: '9',
      owner: 'dc1',
      json: { ...body, workload: 'dc2', epoch: 9 },
    });
  });

  it('/primary is 503 with the reason, the owner and the epoch where it is not', async () => {
    api.api.ownership.list = [fakeRow({ primary: false, notPrimaryBecause: 'a delivery is open' }), fakeForeignRow()];
    expect(await asked('/primary')).to.deep.equal({
      status: 503,
      epoch: '1',
      owner: 'dc1',
      json: { primary: false, workload: 'dc1', reason: 'a delivery is open', owner: 'dc1', epoch: 1 },
    });
    expect(await asked('/primary?workload=dc2')).to.deep.include({ status: 503, owner: 'dc2' });
  });

  it('/standby is 200 where somebody else owns the work', async () => {
    expect(await asked('/standby?workload=dc2')).to.deep.equal({
      status: 200,
      epoch: '1',
      owner: 'dc2',
      json: { standby: true, workload: 'dc2', reason: null, owner: 'dc2', epoch: 1 },
    });
  });

  it('/standby is 503 where it is owned, also while it is not served, and on the way out', async () => {
    api.api.ownership.list = [
      fakeRow({ primary: false, notPrimaryBecause: 'the owner is changing' }),
      fakeForeignRow(),
    ];
    expect((await asked('/standby')).json).to.include({ standby: false, reason: 'owned here (epoch 1)' });
    api.api.isShuttingDown = true;
    const leaving = await asked('/standby?workload=dc2');
    expect(leaving).to.include({ status: 503, owner: 'dc2' });
    expect(leaving.json).to.include({ standby: false, reason: 'shutting down' });
  });

  it('both are 503 for a workload that is not known', async () => {
    for (const path of ['/primary', '/standby']) {
      const { status, epoch, owner, json } = await asked(`${path}?workload=dc9`);
      expect({ status, epoch, owner }).to.deep.equal({ status: 503, epoch: undefined, owner: undefined });
      expect(json).to.include({ workload: 'dc9', reason: 'the workload is not known here', owner: null, epoch: null });
    }
  });

  it('both answer HEAD with the same status and headers, and nothing else', async () => {
    for (const path of ['/primary', '/standby', '/standby?workload=dc2']) {
      const [get, head] = [await api.checked('GET', path), await api.checked('HEAD', path)];
      expect([head.status, head.text]).to.deep.equal([get.status, '']);
      for (const name of ['crossdc-epoch', 'crossdc-owner', 'content-length'])
        expect(head.headers[name], name).to.equal(get.headers[name]);
    }
  });

  it('both take one name of a workload, if it can be one', async () => {
    for (const query of ['workload=..', 'workload=', 'workload=dc1&workload=dc2'])
      for (const path of ['/primary', '/standby'])
        expect(problemOf(await api.checked('GET', `${path}?${query}`))).to.include({ status: 400, field: 'workload' });
  });

  it('says no to a load balancer when the row cannot be read', async () => {
    for (const error of [new Error('a defect'), new GatewayError('internal', 'Another defect.')]) {
      api.api.ownership.serving = () => {
        throw error;
      };
      for (const path of ['/primary', '/standby']) expect((await api.checked('GET', path)).status).to.equal(500);
    }
  });

  it('need no token, while the rows do; and a change is noted as that of the bearer', async () => {
    expect((await api.checked('GET', '/v1/ownership')).status).to.equal(401);
    const headers = { authorization: `Bearer ${TOKEN}` };
    expect((await api.checked('POST', '/v1/ownership/dc1/ack', { headers })).status).to.equal(204);
    expect(api.api.ownership.acknowledged).to.deep.equal([{ workload: 'dc1', actor: 'operator (localApiToken)' }]);
  });
});
