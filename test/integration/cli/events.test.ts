import { expect } from 'chai';
import { GatewayError } from '../../../src/errors.ts';
import { crossdc, memoryIo } from './memory-io.ts';
import { events, json, problem, ScriptedGateway, text } from './scripted-gateway.ts';

const PAGE = (after: number): string => `GET /v1/events?after=${after}&limit=500`;
const STREAM = 'GET /v1/events';
const event = (id: number): object => ({ id, at: '2026-01-02T03:04:05.678Z', type: 'peer-up', dataCenter: `dc${id}` });
const page = (...ids: number[]): object => ({ events: ids.map(event), oldestId: 1, newestId: 9 });
const sent = (id: number): string => `event: peer-up\nid: ${id}\ndata: ${JSON.stringify(event(id))}\n\n`;
const ids = (out: string): number[] =>
  out
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as { id: number }).id);

describe('crossdc events', () => {
  let gateway: ScriptedGateway;

  beforeEach(async () => {
    gateway = await ScriptedGateway.start();
  });
  afterEach(() => gateway.stop());

  it('prints the whole log page by page, newest last', async () => {
    gateway
      .on(PAGE(0), json(200, page(1, 2)))
      .on(PAGE(2), json(200, page(5)))
      .on(PAGE(5), json(200, page()));
    const { status, out } = await crossdc(['events', '--url', gateway.url]);
    expect(status).to.equal(0);
    expect(out.match(/dataCenter=dc\d$/gm)).to.deep.equal(['dataCenter=dc1', 'dataCenter=dc2', 'dataCenter=dc5']);
    expect(gateway.seen[0]?.headers.accept).to.equal('application/json');
  });

  it('prints one JSON object a line with --json', async () => {
    gateway.on(PAGE(0), json(200, page(1, 2))).on(PAGE(2), json(200, page()));
    const { out } = await crossdc(['events', '--json', '--url', gateway.url]);
    expect(out).to.equal(`${JSON.stringify(event(1))}\n${JSON.stringify(event(2))}\n`);
  });

  it('ends also when the gateway gives the same page again', async () => {
    gateway.on(PAGE(0), json(200, page(1))).on(PAGE(1), json(200, page(1)));
    expect((await crossdc(['events', '--url', gateway.url])).status).to.equal(0);
  });

  it('follows from where the log ended, and resumes without a gap when the connection breaks or ends', async () => {
    gateway.on(PAGE(0), json(200, page(3))).on(PAGE(3), json(200, page()));
    gateway.on(
      STREAM,
      events(sent(4) + sent(5), 'break'),
      events(`: keep-alive\n\n${sent(6)}`, 'end'),
      events(sent(7), 'stay'),
    );
    const io = memoryIo();
    const running = crossdc(['events', '--follow', '--json', '--url', gateway.url], io);
    await io.stdout.has('dc7');
    io.interrupt();
    const { status, out, err } = await running;
    expect(status).to.equal(0);
    expect(ids(out)).to.deep.equal([3, 4, 5, 6, 7]);
    const streams = gateway.seen.filter(({ line }) => line === STREAM);
    expect(streams.map(({ headers }) => headers['last-event-id'])).to.deep.equal(['3', '5', '6']);
    expect(err.match(/Trying again until Ctrl-C/g)).to.have.length(2);
    expect(err.match(/connected again/g)).to.have.length(2);
    expect(err).to.match(/^crossdc: The connection to the gateway broke\. Trying again until Ctrl-C\.$/m);
  });

  it('starts at the oldest event when the log was empty', async () => {
    gateway.on(PAGE(0), json(200, page())).on(STREAM, events(sent(1), 'stay'));
    const io = memoryIo();
    const running = crossdc(['events', '--follow', '--url', gateway.url], io);
    await io.stdout.has('dc1');
    io.interrupt();
    expect((await running).status).to.equal(0);
    expect(gateway.seen.at(-1)?.headers['last-event-id']).to.equal('0');
  });

  it('prints a repeated announcement, which has no id, without losing its place', async () => {
    const repeated = JSON.stringify({ type: 'log-truncated', at: 'now', oldestId: 9 });
    gateway.on(PAGE(0), json(200, page(3))).on(PAGE(3), json(200, page()));
    gateway.on(STREAM, events(`event: log-truncated\ndata: ${repeated}\n\n`, 'break'), events(sent(4), 'stay'));
    const io = memoryIo();
    const running = crossdc(['events', '--follow', '--json', '--url', gateway.url], io);
    await io.stdout.has('dc4');
    io.interrupt();
    expect((await running).out).to.contain(repeated);
    expect(gateway.seen.at(-1)?.headers['last-event-id']).to.equal('3');
  });

  it('does not try for ever what is refused, or what is no stream', async () => {
    gateway.on(PAGE(0), json(200, page()));
    gateway.on(STREAM, problem(new GatewayError('unauthorized', 'The token was changed.')));
    expect(await crossdc(['events', '--follow', '--url', gateway.url])).to.include({ status: 1, out: '' });
  });

  it('says what is wrong with a page that is none', async () => {
    gateway.on(PAGE(0), text(200, '"events"'));
    const { status, err } = await crossdc(['events', '--url', gateway.url]);
    expect(status).to.equal(69);
    expect(err).to.contain('it gave no list of events');
  });
});
