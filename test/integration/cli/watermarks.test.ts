import { expect } from 'chai';
import { GatewayError } from '../../../src/errors.ts';
import { crossdc } from './memory-io.ts';
import { json, problem, ScriptedGateway } from './scripted-gateway.ts';

describe('crossdc watermarks', () => {
  let gateway: ScriptedGateway;

  beforeEach(async () => {
    gateway = await ScriptedGateway.start();
  });
  afterEach(() => gateway.stop());

  const run = (...argv: string[]) => crossdc(['watermarks', ...argv, '--url', gateway.url]);
  const own = { read: { position: 'log.7\u202e:10' }, published: { seq: 42, position: '' }, 'a/b': { seq: 0 } };

  it('prints how far the application here has got, by name', async () => {
    gateway.on('GET /v1/watermarks', json(200, own));
    expect(await run()).to.deep.equal({
      status: 0,
      out: [
        'NAME       SEQ  POSITION',
        'a/b          0  -',
        'published   42',
        'read         -  log.7\\u{202e}:10',
        '',
      ].join('\n'),
      err: '',
    });
    expect(JSON.parse((await run('--json')).out)).to.deep.equal(own);
  });

  it("prints a peer's, with the run of its gateway that said them", async () => {
    const answer = { incarnation: 1_700_000_000_000, watermarks: { published: { seq: 42 } } };
    gateway.on('GET /v1/peers/dc2/watermarks', json(200, answer));
    const { status, out } = await run('dc2');
    expect(status).to.equal(0);
    expect(out).to.equal('incarnation 1700000000000\nNAME       SEQ  POSITION\npublished   42  -\n');
    expect(JSON.parse((await run('dc2', '--json')).out)).to.deep.equal(answer);
  });

  it('says when none were ever heard', async () => {
    gateway.on('GET /v1/peers/dc2/watermarks', json(200, { incarnation: null, watermarks: {} }));
    expect((await run('dc2')).out).to.equal('incarnation -\nNAME  SEQ  POSITION\n');
  });

  it('says when there is no such peer', async () => {
    gateway.on('GET /v1/peers/dc9/watermarks', problem(new GatewayError('not-found', 'No peer is called "dc9".')));
    const { status, err } = await run('dc9');
    expect(status).to.equal(1);
    expect(err).to.contain('No peer is called "dc9".');
  });

  for (const [argv, answer] of [
    [[], [1]],
    [[], { published: 42 }],
    [['dc2'], { watermarks: {} }],
    [['dc2'], { incarnation: 1, watermarks: { published: null } }],
  ] as const) {
    it(`takes ${JSON.stringify(answer)} for the answer of something that is no gateway`, async () => {
      gateway.on('GET /v1/watermarks', json(200, answer)).on('GET /v1/peers/dc2/watermarks', json(200, answer));
      expect(await run(...argv)).to.include({ status: 69, out: '' });
    });
  }

  it('takes one peer at most, and no path for one', async () => {
    expect((await run('dc2', 'dc3')).status).to.equal(2);
    expect((await run('..')).status).to.equal(2);
    expect(gateway.lines).to.deep.equal([]);
  });
});
