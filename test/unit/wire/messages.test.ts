import { expect } from 'chai';
import fc from 'fast-check';
import * as v from 'valibot';
import { inventorySchema, parsePeerMessage, peerAnswerSchema, type PeerMessage } from '../../../src/wire/messages.ts';

const GOOD: PeerMessage = {
  heartbeatMsgType: 1,
  heartbeatCnt: 1,
  dataCenterOrigin: 'dc1',
  applicationName: 'default',
  incarnation: 1,
  sentAt: '2026-11-23T04:37:44.000Z',
  interval: 30,
  application: { status: 'passing' },
  lastHeard: null,
  protocol: 1,
};

const dataCenter = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/);
const count = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
const message = fc.record<PeerMessage>({
  heartbeatMsgType: fc.constantFrom(1, 3),
  heartbeatCnt: count,
  dataCenterOrigin: dataCenter,
  applicationName: fc.string({ minLength: 1, maxLength: 60, unit: 'grapheme' }).filter((name) => name.length <= 200),
  incarnation: count,
  sentAt: fc.date({ noInvalidDate: true, min: new Date(0), max: new Date(8.64e14) }).map((date) => date.toISOString()),
  interval: fc.double({ min: 0.05, max: 444_444_444, noNaN: true }),
  application: fc.record({ status: fc.constantFrom('unknown', 'passing', 'critical') }),
  lastHeard: fc.option(fc.record({ heartbeatCnt: count, ageMs: fc.double({ min: 0, max: 1e12, noNaN: true }) })),
  protocol: fc.constant(1),
});

describe('a peer’s message', () => {
  it('comes out as it went in', () => {
    fc.assert(
      fc.property(message, (sent) => {
        const parsed = parsePeerMessage(JSON.parse(JSON.stringify(sent)));
        // Minus zero is no number that JSON knows.
        expect(parsed).to.deep.equal({ kind: 'message', message: JSON.parse(JSON.stringify(sent)) as unknown });
      }),
    );
  });

  it('may have fields that we do not know, and nothing of them gets further', () => {
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.string().filter((name) => !(name in GOOD)),
          fc.jsonValue(),
        ),
        (more) => {
          expect(parsePeerMessage({ ...more, ...GOOD })).to.deep.equal({ kind: 'message', message: GOOD });
        },
      ),
    );
  });

  it('cannot reach a prototype', () => {
    const hostile: unknown = JSON.parse(
      `{"__proto__": {"isAdmin": true}, "constructor": {"prototype": {}}, ${JSON.stringify(GOOD).slice(1)}`,
    );
    const parsed = parsePeerMessage(hostile);
    expect(parsed).to.deep.equal({ kind: 'message', message: GOOD });
    expect(parsed.kind === 'message' && 'isAdmin' in parsed.message).to.equal(false);
    expect('isAdmin' in {}).to.equal(false);
  });

  it('cannot take its fields from a prototype', () => {
    const hostile: unknown = JSON.parse(`{"__proto__": ${JSON.stringify(GOOD)}}`);
    expect(parsePeerMessage(hostile).kind).to.equal('invalid');
  });

  it('may be nested as deep as it likes where we do not look', () => {
    const deep: unknown = JSON.parse(`${'['.repeat(5000)}${']'.repeat(5000)}`);
    expect(parsePeerMessage({ ...GOOD, deep }).kind).to.equal('message');
    expect(parsePeerMessage({ ...GOOD, application: deep }).kind).to.equal('invalid');
    expect(parsePeerMessage(deep).kind).to.equal('invalid');
  });

  const otherProtocols: unknown[] = [2, 0, '1', null, 1.5, { number: 1 }];
  for (const protocol of otherProtocols) {
    it(`of the protocol ${JSON.stringify(protocol)} is told apart, and nothing else in it is looked at`, () => {
      expect(parsePeerMessage({ protocol, heartbeatCnt: 'nonsense' })).to.deep.equal({
        kind: 'wrong-protocol',
        protocol,
      });
    });
  }

  it('without a protocol is invalid, not of another protocol', () => {
    const { protocol: _protocol, ...rest } = GOOD;
    expect(parsePeerMessage(rest)).to.include({ kind: 'invalid', field: 'protocol' });
  });

  const hostile: [field: string, value: unknown][] = [
    ['heartbeatMsgType', 2],
    ['heartbeatMsgType', '1'],
    ['heartbeatCnt', 0],
    ['heartbeatCnt', -1],
    ['heartbeatCnt', 1.5],
    ['heartbeatCnt', 2 ** 53],
    ['heartbeatCnt', 1e308],
    ['heartbeatCnt', '7'],
    ['dataCenterOrigin', ''],
    ['dataCenterOrigin', '../etc'],
    ['dataCenterOrigin', '.hidden'],
    ['dataCenterOrigin', 'dc1\n'],
    ['dataCenterOrigin', 'ｄｃ1'],
    ['dataCenterOrigin', 'd'.repeat(65)],
    ['applicationName', ''],
    ['applicationName', 'a'.repeat(201)],
    ['applicationName', null],
    ['incarnation', 0],
    ['incarnation', Infinity],
    ['sentAt', 5],
    ['sentAt', 't'.repeat(41)],
    ['interval', 0],
    ['interval', -30],
    ['interval', 1e10],
    ['interval', NaN],
    ['interval', '30'],
    ['application', null],
    ['application', []],
    ['application.status', 'fine'],
    ['lastHeard', undefined],
    ['lastHeard.heartbeatCnt', 2 ** 53],
    ['lastHeard.ageMs', -1],
    ['lastHeard.ageMs', Infinity],
  ];
  for (const [field, value] of hostile) {
    it(`is refused with ${field} = ${String(typeof value === 'number' ? value : JSON.stringify(value))}, and the field is named`, () => {
      const [outer = '', inner] = field.split('.');
      const lastHeard = { heartbeatCnt: 1, ageMs: 1 };
      const base: Record<string, unknown> = { ...GOOD, lastHeard };
      const whole =
        inner === undefined
          ? { ...base, [outer]: value }
          : { ...base, [outer]: { ...(base[outer] as object), [inner]: value } };
      const parsed = parsePeerMessage(whole);
      expect(parsed.kind).to.equal('invalid');
      expect(parsed.kind === 'invalid' && parsed.field.startsWith(outer)).to.equal(true);
    });
  }

  for (const value of [null, undefined, 7, 'text', [], true]) {
    it(`is refused when the body is ${JSON.stringify(value)}`, () =>
      expect(parsePeerMessage(value).kind).to.equal('invalid'));
  }

  it('is refused whatever else it is, without anything being thrown', () => {
    fc.assert(
      fc.property(
        fc.anything(),
        (value) => void expect(['invalid', 'wrong-protocol']).to.include(parsePeerMessage(value).kind),
      ),
    );
  });
});

describe('an answer', () => {
  const answer = { dataCenterOrigin: 'dc2', heartbeatCnt: 0, incarnation: 1, inventory: 'ab' };

  it('may come before the sender’s own first message, and may have more fields', () => {
    expect(v.is(peerAnswerSchema, { ...answer, leases: [] })).to.equal(true);
  });

  for (const [field, value] of [
    ['dataCenterOrigin', '?'],
    ['heartbeatCnt', -1],
    ['heartbeatCnt', 2 ** 53],
    ['incarnation', 0],
    ['inventory', 'a'.repeat(129)],
    ['inventory', null],
  ] as const) {
    it(`is refused with ${field} = ${JSON.stringify(value)}`, () =>
      expect(v.is(peerAnswerSchema, { ...answer, [field]: value })).to.equal(false));
  }
});

describe('an inventory', () => {
  const row = { workload: 'dc1', origin: 'orders', version: 1, sha256: 'ab'.repeat(32), fate: 'held' };

  for (const [field, value] of [
    ['workload', ''],
    ['origin', ''],
    ['origin', 'o'.repeat(201)],
    ['version', 0],
    ['version', 2 ** 53],
    ['sha256', 'AB'.repeat(32)],
    ['sha256', 'ab'],
    ['fate', 'eaten'],
  ] as const) {
    it(`is refused with ${field} = ${JSON.stringify(value)}`, () =>
      expect(v.is(inventorySchema, [{ ...row, [field]: value }])).to.equal(false));
  }

  it('is refused beyond its bound', () => {
    expect(v.is(inventorySchema, Array<unknown>(100_000).fill(row))).to.equal(true);
    expect(v.is(inventorySchema, Array<unknown>(100_001).fill(row))).to.equal(false);
  });
});
