import { expect } from 'chai';
import { GatewayError } from '../../../src/errors.ts';
import { fakeVerified } from '../../support/fake-gateway-api.ts';
import { crossdc } from './memory-io.ts';
import { json, problem, ScriptedGateway } from './scripted-gateway.ts';

const AT = '2026-01-02T03:04:05.678Z';
const takeover = {
  id: 7,
  at: AT,
  kind: 'takeover',
  workload: 'dc2',
  dataCenter: 'dc2',
  actor: 'automatic',
  outcome: 'completed',
  inputs: { missed: 4, held: { origins: 2, newestTakenAt: AT }, application: 'passing', note: 'two words', none: null },
  steps: [
    { step: 'started', at: AT, seconds: 0 },
    { step: 'delivered', at: AT, seconds: 1.25 },
  ],
};

describe('crossdc verify', () => {
  let gateway: ScriptedGateway;
  beforeEach(async () => (gateway = await ScriptedGateway.start()));
  afterEach(() => gateway.stop());

  const verify = (...argv: string[]) => crossdc(['verify', 'dc2', ...argv, '--url', gateway.url]);
  const answer = (differences: number, ...rows: ReturnType<typeof fakeVerified>[]) =>
    gateway.on('POST /v1/peers/dc2/verify', json(200, { dataCenter: 'dc2', rows, differences }));
  const body = (): unknown => JSON.parse(gateway.seen.at(-1)?.body.toString('utf8') ?? '');

  it('prints a line a snapshot, and ends with 0 where nothing differs', async () => {
    answer(0, fakeVerified(), fakeVerified({ origin: 'new\u202e', state: 'on-its-way', peerVersion: null }));
    const { status, out, err } = await verify();
    expect([status, err]).to.deep.equal([0, '']);
    expect(out).to.match(/^ORIGIN +WORKLOAD +VERSION +THERE +STATE +REPAIR$/m);
    expect(out).to.match(/^orders +dc1 +7 +7 +same +-$/m);
    expect(out).to.match(/^new\\u\{202e\} +dc1 +7 +- +on-its-way +-$/m);
    expect(body()).to.deep.equal({});
  });

  it('ends with 1 at a difference, and says how it is repaired', async () => {
    answer(
      2,
      fakeVerified({ state: 'lost' }),
      fakeVerified({ origin: 'o', state: 'newer', version: 0, peerVersion: 9 }),
    );
    const { status, out, err } = await verify();
    expect([status, err]).to.deep.equal([1, 'crossdc: 2 differences found; --repair sends again\n']);
    expect(out).to.match(/^o +dc1 +- +9 +newer +-$/m);
  });

  it('says what --repair did, and still ends with 1: nothing has arrived yet', async () => {
    answer(1, fakeVerified({ state: 'missing', peerVersion: null, repair: 'sent-again' }));
    const done = await verify('--repair');
    expect([done.status, done.err]).to.deep.equal([1, 'crossdc: 1 difference found and sent again\n']);
    expect(done.out).to.match(/^orders +dc1 +7 +- +missing +sent again$/m);
    expect(body()).to.deep.equal({ repair: true });
    answer(
      2,
      fakeVerified({ state: 'other-bytes', repair: 'renumbered' }),
      fakeVerified({ origin: 'p', state: 'newer', repair: 'not-possible' }),
    );
    const left = await verify('--repair');
    expect(left.err).to.equal('crossdc: 2 differences found, 1 of them not repaired\n');
    expect(left.out)
      .to.match(/sent again under a greater version$/m)
      .and.to.match(/post a fresh snapshot$/m);
  });

  it('prints one JSON document', async () => {
    answer(1, fakeVerified({ state: 'older', peerVersion: 6 }));
    const { status, out } = await verify('--json');
    expect(status).to.equal(1);
    expect(JSON.parse(out)).to.deep.include({ dataCenter: 'dc2', differences: 1 });
  });

  it('says when the peer cannot be asked', async () => {
    const down = new GatewayError('peer-unavailable', '"dc2" is down (silence); it is asked when it is up.');
    gateway.on('POST /v1/peers/dc2/verify', problem(down));
    expect(await verify()).to.deep.equal({
      status: 1,
      out: '',
      err: 'crossdc: The peer does not answer: "dc2" is down (silence); it is asked when it is up.\n',
    });
  });
});

describe('crossdc history', () => {
  let gateway: ScriptedGateway;
  beforeEach(async () => (gateway = await ScriptedGateway.start()));
  afterEach(() => gateway.stop());

  const history = (...argv: string[]) => crossdc(['history', ...argv, '--url', gateway.url]);
  const pages = (...entries: object[]) => {
    gateway.on('GET /v1/history?after=0&limit=500', json(200, entries));
    gateway.on('GET /v1/history?after=9&limit=500', json(200, []));
  };

  it('prints a line a decision: when, what, of whom, by whom, how it ended, and from what it was made', async () => {
    const verdict = { ...takeover, id: 9, kind: 'verdict', workload: null, outcome: 'down', inputs: {}, steps: [] };
    pages(takeover, verdict);
    expect(await history()).to.deep.equal({
      status: 0,
      err: '',
      out:
        `${AT}  takeover      dc2 dc2: completed, by automatic [started +0.0s, delivered +1.3s] missed=4 ` +
        `held.origins=2 held.newestTakenAt=${AT} application=passing note="two words"\n` +
        `${AT}  verdict       dc2: down, by automatic\n`,
    });
  });

  it('prints only the newest when they are limited, newest last', async () => {
    pages(...[3, 7, 9].map((id) => ({ ...takeover, id })));
    const { out } = await history('--limit', '2', '--json');
    expect(
      out
        .trimEnd()
        .split('\n')
        .map((line): unknown => JSON.parse(line)),
    ).to.deep.equal([7, 9].map((id) => ({ ...takeover, id })));
  });

  it('lets no text of a decision out of its line', async () => {
    pages({ ...takeover, id: 9, actor: 'a\nb\u001b[31m', inputs: { why: 'x'.repeat(500) } });
    const { out } = await history();
    expect(out.trimEnd().split('\n')).to.have.length(1);
    expect(out).not.to.contain('\u001b');
    expect(out).to.match(/why=x{80}…$/m);
  });
});
