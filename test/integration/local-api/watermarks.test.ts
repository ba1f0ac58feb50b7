import { expect } from 'chai';
import { Harness, problemOf } from './harness.ts';

describe('local API: watermarks', () => {
  let api: Harness;
  beforeEach(async () => (api = await new Harness().start()));
  afterEach(() => api.stop());

  const put = (name: string, body: object, query = '') => api.postJson(`/v1/watermarks/${name}${query}`, body, 'PUT');
  const own = async (): Promise<unknown> => (await api.checked('GET', '/v1/watermarks')).json;

  it('takes how far the application has got, and shows it', async () => {
    expect(await own()).to.deep.equal({});
    expect((await put('published', { seq: 41 })).status).to.equal(204);
    expect((await put('a%2Fb%20%C3%A4', { position: 'log.7:1024', seq: 0 })).status).to.equal(204);
    expect((await put('published', { seq: 42, unknown: true })).status).to.equal(204);
    expect(await own()).to.deep.equal({ published: { seq: 42 }, 'a/b ä': { position: 'log.7:1024', seq: 0 } });
    expect(api.api.watermarks.puts[0]).to.deep.equal({ name: 'published', watermark: { seq: 41 }, flush: false });
  });

  it('sends heartbeats at once only where that is asked for', async () => {
    for (const query of ['', '?flush=0', '?flush=1']) expect((await put('n', { seq: 1 }, query)).status).to.equal(204);
    expect(api.api.watermarks.puts.map(({ flush }) => flush)).to.deep.equal([false, false, true]);
    expect(problemOf(await put('n', { seq: 2 }, '?flush=yes'))).to.deep.equal({
      status: 400,
      code: 'bad-request',
      field: 'flush',
    });
    expect(api.api.watermarks.puts).to.have.length(3);
  });

  it('removes a watermark that is put with an empty object or without a body', async () => {
    await put('a', { seq: 1 });
    await put('b', { seq: 1 });
    expect((await put('a', {})).status).to.equal(204);
    expect((await api.checked('PUT', '/v1/watermarks/b')).status).to.equal(204);
    expect((await put('never', {})).status).to.equal(204);
    expect(await own()).to.deep.equal({});
  });

  const bad: [object, string][] = [
    [{ sequence: 5 }, '(body)'],
    [{ seq: -1 }, 'seq'],
    [{ seq: 1.5 }, 'seq'],
    [{ seq: 2 ** 53 }, 'seq'],
    [{ seq: '5' }, 'seq'],
    [{ seq: null }, 'seq'],
    [{ position: 5 }, 'position'],
    [{ position: 'a\nb' }, 'position'],
    [{ position: '\ud800' }, 'position'],
  ];
  for (const [body, field] of bad) {
    it(`refuses ${JSON.stringify(body)} and names ${field}`, async () => {
      await put('n', { seq: 1 });
      expect(problemOf(await put('n', body))).to.deep.equal({ status: 400, code: 'bad-request', field });
      expect(await own()).to.deep.equal({ n: { seq: 1 } });
    });
  }

  for (const name of ['%2e', '%2E%2e', 'a%00b', '%E2%80%A8', 'x'.repeat(201), '%C3%A4'.repeat(101)]) {
    it(`refuses the name ${name.slice(0, 20)}`, async () => {
      expect(problemOf(await put(name, { seq: 1 }))).to.deep.equal({ status: 400, code: 'bad-request', field: 'name' });
    });
  }

  for (const name of ['__proto__', 'prototype', 'constructor']) {
    it(`refuses the name ${name}, which would not come through to a peer`, async () => {
      expect(problemOf(await put(name, { seq: 1 }))).to.deep.equal({ status: 400, code: 'bad-request', field: 'name' });
    });
  }

  it('answers 413 when they are too many or too large, and goes on with what there is', async () => {
    for (let i = 0; i < 64; i += 1) expect((await put(`n${String(i)}`, { seq: i })).status).to.equal(204);
    expect(problemOf(await put('one-more', { seq: 1 }))).to.deep.include({ status: 413, code: 'watermarks-too-large' });
    expect((await put('n5', { seq: 1 })).status).to.equal(204);
    const large = await put('n5', { position: 'x'.repeat(4096) });
    expect(problemOf(large)).to.deep.include({ status: 413, code: 'watermarks-too-large' });
    expect(await own())
      .to.have.property('n5')
      .that.deep.equals({ seq: 1 });
  });

  it("shows a peer's, with the run of its gateway that said them", async () => {
    const nothing = { incarnation: null, watermarks: {} };
    expect((await api.checked('GET', '/v1/peers/dc3/watermarks')).json).to.deep.equal(nothing);
    const heard = { incarnation: 1_700_000_000_000, watermarks: { published: { seq: 42, position: 'p' } } };
    api.api.watermarks.heard.set('dc2', heard);
    expect((await api.checked('GET', '/v1/peers/dc2/watermarks')).json).to.deep.equal(heard);
    for (const dc of ['dc9', '..%2Fx'])
      expect(problemOf(await api.checked('GET', `/v1/peers/${dc}/watermarks`)).status).to.equal(404);
  });
});
