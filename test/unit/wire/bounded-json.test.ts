import { expect } from 'chai';
import fc from 'fast-check';
import * as v from 'valibot';
import { parseBoundedJson, REQUEST_JSON } from '../../../src/wire/bounded-json.ts';
import { parsePeerMessage } from '../../../src/wire/messages.ts';

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const parsed = (text: string, bounds = REQUEST_JSON): unknown => parseBoundedJson(bytesOf(text), bounds);

/** How deep arrays and objects lie within each other. */
function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

describe('JSON of others', () => {
  it('is what JSON.parse makes of it as long as it keeps its bounds', () => {
    const bounds = { depth: 100, values: 100_000 };
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(parsed(text, bounds)).to.deep.equal({ ok: true, value: JSON.parse(text) as unknown });
      }),
    );
  });

  it('may be nested as deep as the bound, and no deeper', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 8 }), fc.nat(8), (value, depth) => {
        const text = JSON.stringify(value);
        const isWithin = depthOf(value) <= depth;
        expect(parseBoundedJson(bytesOf(text), { depth, values: 100_000 }).ok, text).to.equal(isWithin);
      }),
    );
    expect(parsed(`${'['.repeat(32)}${']'.repeat(32)}`)).to.have.property('ok', true);
    expect(parsed(`${'['.repeat(33)}${']'.repeat(33)}`)).to.deep.equal({
      ok: false,
      problem: 'is nested more than 32 levels deep',
    });
  });

  it('may have as many keys and values as the bound, and no more', () => {
    const keys = (count: number): string =>
      JSON.stringify(Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${String(index)}`, 0])));
    const bounds = { depth: 2, values: 20 };
    expect(parsed(keys(10), bounds)).to.have.property('ok', true);
    expect(parsed(keys(11), bounds)).to.deep.equal({ ok: false, problem: 'has more than 20 keys and values' });
    expect(parsed(`[${Array(20).fill('0').join()}]`, bounds)).to.have.property('ok', true);
    expect(parsed(`[${Array(21).fill('0').join()}]`, bounds)).to.have.property('ok', false);
  });

  it('is not judged by what its strings look like', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const quotedText = JSON.stringify({ [text.toWellFormed()]: `${text.toWellFormed()}[[[{{{,,,:::\\"[[[` });
        expect(parsed(quotedText, { depth: 1, values: 2 })).to.have.property('ok', true);
      }),
    );
  });

  it('is refused and never thrown over, whatever the bytes are', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const answer = parseBoundedJson(bytes);
        expect(answer.ok || answer.problem.length > 0).to.equal(true);
      }),
    );
    expect(parseBoundedJson(Uint8Array.of(0x22, 0xff, 0x22))).to.deep.equal({ ok: false, problem: 'is no UTF-8' });
    for (const text of ['', '{', '"', '"\\', ']', '}}}}', '[1,]', '{"a":1,}', "{'a':1}", 'NaN', '\u0000'])
      expect(parsed(text), text).to.have.property('ok', false);
  });

  it('changes no prototype, neither of its own objects nor of ours', () => {
    const text = '{"__proto__":{"isAdmin":true},"constructor":{"prototype":{"isAdmin":true}},"note":"x"}';
    const answer = parseBoundedJson(bytesOf(text));
    if (!answer.ok) throw new Error(answer.problem);
    expect(Object.getPrototypeOf(answer.value)).to.equal(Object.prototype);
    expect(({} as { isAdmin?: boolean }).isAdmin).to.equal(undefined);
    const schema = v.object({ note: v.string(), isAdmin: v.optional(v.boolean()) });
    const checked = v.parse(schema, answer.value);
    expect(Object.keys(checked)).to.deep.equal(['note']);
    expect(checked.isAdmin).to.equal(undefined);
  });

  it('makes no field of a message out of a prototype', () => {
    const message = { dataCenterOrigin: 'dc1', heartbeatCnt: 1, protocol: 1 };
    const text = `{"__proto__":${JSON.stringify(message)}}`;
    const answer = parseBoundedJson(bytesOf(text));
    expect(answer.ok && parsePeerMessage(answer.value)).to.have.property('kind', 'invalid');
  });
});
