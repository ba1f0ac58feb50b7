import { expect } from 'chai';
import { hearWatermarks, putWatermark, watermarksBytes, type Watermarks } from '../../../src/core/watermarks.ts';

const many = (count: number): Watermarks =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`n${String(i)}`, { seq: 1 }]));

describe('putting a watermark', () => {
  it('replaces it whole, and leaves the others', () => {
    const all: Watermarks = { a: { seq: 1, position: 'p' }, b: { seq: 2 } };
    expect(putWatermark(all, 'a', { seq: 9 })).to.deep.equal({
      kind: 'put',
      watermarks: { a: { seq: 9 }, b: { seq: 2 } },
    });
    expect(all).to.deep.equal({ a: { seq: 1, position: 'p' }, b: { seq: 2 } });
  });

  it('lets a number go down, also to 0', () => {
    expect(putWatermark({ a: { seq: 7 } }, 'a', { seq: 0 })).to.deep.equal({
      kind: 'put',
      watermarks: { a: { seq: 0 } },
    });
  });

  it('removes the name when there is neither number nor position', () => {
    expect(putWatermark({ a: { seq: 7 }, b: { position: '' } }, 'a', {})).to.deep.equal({
      kind: 'put',
      watermarks: { b: { position: '' } },
    });
    expect(putWatermark({}, 'never', {})).to.deep.equal({ kind: 'put', watermarks: {} });
  });

  it('takes 64 names and no more, and still changes and removes those', () => {
    expect(putWatermark(many(63), 'one more', { seq: 1 }).kind).to.equal('put');
    expect(putWatermark(many(64), 'one more', { seq: 1 })).to.deep.equal({ kind: 'too-many' });
    expect(putWatermark(many(64), 'n63', { seq: 2 }).kind).to.equal('put');
    expect(putWatermark(many(64), 'n63', {}).kind).to.equal('put');
  });

  it('takes 4096 bytes together and no more, whichever of the names is put', () => {
    const half: Watermarks = { a: { position: 'x'.repeat(2047) } };
    expect(putWatermark(half, 'b', { position: 'x'.repeat(2047) }).kind).to.equal('put');
    expect(putWatermark(half, 'b', { position: 'x'.repeat(2048) })).to.deep.equal({ kind: 'too-large', bytes: 4097 });
    expect(putWatermark(half, 'a', { position: 'x'.repeat(4095) }).kind).to.equal('put');
  });

  it('takes names that objects have by themselves for names like others', () => {
    for (const name of ['toString', 'hasOwnProperty']) {
      const put = putWatermark({}, name, { seq: 1 });
      expect(put.kind === 'put' && Object.keys(put.watermarks)).to.deep.equal([name]);
    }
  });
});

describe('the size of watermarks', () => {
  const sizes: [Watermarks, number][] = [
    [{}, 0],
    [{ abc: { seq: 0 } }, 4],
    [{ abc: { seq: Number.MAX_SAFE_INTEGER } }, 3 + 16],
    [{ ä: { position: '€' } }, 2 + 3],
    [{ a: { seq: 10, position: '"\\' }, b: { position: '' } }, 1 + 2 + 2 + 1],
  ];
  for (const [watermarks, bytes] of sizes) {
    it(`is ${String(bytes)} bytes for ${JSON.stringify(watermarks)}`, () => {
      expect(watermarksBytes(watermarks)).to.equal(bytes);
    });
  }
});

describe('hearing watermarks of a peer', () => {
  const known = { incarnation: 5, watermarks: { a: { seq: 7 } } };

  it('begins with the first message that says some', () => {
    expect(hearWatermarks(null, { incarnation: 5, watermarks: {} })).to.equal(null);
    expect(hearWatermarks(null, known)).to.equal(known);
  });

  it('within one run replaces the whole, also by less and by nothing', () => {
    for (const watermarks of [{ a: { seq: 3 } }, { b: { seq: 1 } }, {}]) {
      const said = { incarnation: 5, watermarks };
      expect(hearWatermarks(known, said)).to.equal(said);
    }
  });

  it('keeps what it has when the same is said again, so that nothing need be written', () => {
    expect(hearWatermarks(known, { incarnation: 5, watermarks: { a: { seq: 7 } } })).to.equal(known);
    for (const watermarks of [{ a: { seq: 7, position: '' } }, { a: { position: '7' } }, { b: { seq: 7 } }]) {
      const said = { incarnation: 5, watermarks };
      expect(hearWatermarks(known, said)).to.equal(said);
    }
  });

  it('never lets an earlier run overwrite a later one', () => {
    expect(hearWatermarks(known, { incarnation: 4, watermarks: { a: { seq: 9 } } })).to.equal(known);
    expect(hearWatermarks(known, { incarnation: 4, watermarks: {} })).to.equal(known);
  });

  it('leaves those of the run before, with its number, until a new run says some', () => {
    expect(hearWatermarks(known, { incarnation: 6, watermarks: {} })).to.equal(known);
    const said = { incarnation: 6, watermarks: { a: { seq: 7 } } };
    expect(hearWatermarks(known, said)).to.equal(said);
  });
});
