import { expect } from 'chai';
import fc from 'fast-check';
import * as v from 'valibot';
import { MESSAGE_MAX_BYTES } from '../../../src/adapters/peer-http/options.ts';
import { putWatermark, WATERMARKS_MOST, type Watermark, type Watermarks } from '../../../src/core/watermarks.ts';
import { KIB, LARGEST_NUMBER } from '../../../src/units.ts';
import { parseBoundedJson } from '../../../src/wire/bounded-json.ts';
import { watermarkNameProblem, watermarkPositionProblem } from '../../../src/wire/names.ts';
import { watermarksNews } from '../../../src/wire/ownership.ts';

/** What a peer makes of them: over the line as JSON, and through the schema. */
function received(watermarks: Watermarks): unknown {
  const parsed = parseBoundedJson(Buffer.from(JSON.stringify(watermarks)));
  return parsed.ok ? v.parse(watermarksNews, parsed.value) : parsed.problem;
}

/** All that can be put of these, one after the other. */
function putAll(puts: readonly (readonly [string, Watermark])[]): Watermarks {
  let all: Watermarks = {};
  for (const [name, watermark] of puts) {
    const put = putWatermark(all, name, watermark);
    if (put.kind === 'put') all = put.watermarks;
  }
  return all;
}

describe('the name of a watermark', () => {
  for (const good of ['a', 'a/b', '...', 'Lager Süd ☃', 'toString', 'ü'.repeat(100)]) {
    it(`may be ${good.slice(0, 20)}`, () => expect(watermarkNameProblem(good)).to.equal(null));
  }
  for (const bad of ['', '.', '..', 'a\nb', '\ud800', 'ü'.repeat(101), '__proto__', 'prototype', 'constructor']) {
    it(`may not be ${JSON.stringify(bad.slice(0, 20))}`, () => {
      expect(watermarkNameProblem(bad)).to.match(/^the name of a watermark m/);
    });
  }
});

describe('watermarks on the wire', () => {
  it('whatever may be put comes to the peer as it is', () => {
    const name = fc
      .oneof(fc.string({ unit: 'binary', maxLength: 40 }), fc.constantFrom('toString', '0', '7', 'valueOf', ' '))
      .filter((text) => watermarkNameProblem(text) === null);
    const position = fc
      .string({ unit: 'binary', maxLength: 2000 })
      .filter((text) => watermarkPositionProblem(text) === null);
    const seq = fc.oneof(fc.constantFrom(0, LARGEST_NUMBER), fc.nat());
    const watermark = fc.record({ seq, position }, { requiredKeys: [] });
    fc.assert(
      fc.property(fc.array(fc.tuple(name, watermark), { maxLength: 100 }), (puts) => {
        const all = putAll(puts);
        expect(received(all)).to.deep.equal(all);
      }),
    );
  });

  it('leave the heartbeat small, also where JSON makes two signs of each', () => {
    const quotes = (length: number): string => '"'.repeat(length);
    const longest = putAll(
      Array.from({ length: WATERMARKS_MOST }, (_, i) => [
        `${quotes(4)}${String(i + 10)}`,
        { seq: LARGEST_NUMBER, position: quotes(42) },
      ]),
    );
    expect(Object.keys(longest)).to.have.length(WATERMARKS_MOST);
    expect(received(longest)).to.deep.equal(longest);
    expect(JSON.stringify(longest).length).to.be.lessThan(12 * KIB);
    expect(MESSAGE_MAX_BYTES).to.be.at.least(4 * 12 * KIB);
  });
});
