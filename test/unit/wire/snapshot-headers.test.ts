import { expect } from 'chai';
import fc from 'fast-check';
import {
  envelopeHeaders,
  parseEnvelope,
  parsePositionAndLabels,
  parseReprDigest,
  reprDigest,
  type Headers,
  type SnapshotEnvelope,
} from '../../../src/wire/snapshot-headers.ts';
import { LABELS_MAX, shortTextProblem } from '../../../src/wire/names.ts';

const count = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
const dataCenter = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/);
const shortText = fc.string({ unit: 'binary', maxLength: 120 }).filter((text) => shortTextProblem(text) === null);
const sha256 = fc.stringMatching(/^[0-9a-f]{64}$/);
/** Header names travel in lower case. */
const labelName = fc.oneof(
  fc.stringMatching(/^[a-z0-9][a-z0-9._-]{0,63}$/),
  fc.constantFrom('constructor', 'tostring', 'valueof', 'hasownproperty'),
);

const envelope = fc
  .record({
    heartbeatMsgType: fc.constantFrom<2 | 4>(2, 4),
    heartbeatCnt: count,
    dataCenterOrigin: dataCenter,
    applicationName: fc
      .string({ unit: 'binary', minLength: 1, maxLength: 60 })
      .filter((name) => name.isWellFormed() && name.length <= 200),
    incarnation: count,
    workload: dataCenter,
    origin: fc.constant('orders'),
    batch: fc.option(
      fc.record({ id: fc.stringMatching(/^[A-Za-z0-9-]{1,40}$/), total: fc.integer({ min: 1, max: 999_999 }) }),
    ),
    description: fc.record({
      version: count,
      bytes: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 2 ** 40 })),
      sha256,
      takenAt: fc
        .date({ noInvalidDate: true, min: new Date(0), max: new Date('9999-12-31') })
        .map((date) => date.toISOString()),
      position: fc.option(shortText),
      labels: fc
        .uniqueArray(fc.tuple(labelName, shortText), { maxLength: LABELS_MAX, selector: ([name]) => name })
        .map((pairs) => Object.fromEntries(pairs)),
    }),
  })
  .map((raw): SnapshotEnvelope => ({
    ...raw,
    description: { ...raw.description, withdrawn: raw.description.bytes === 0 },
  }));

const GOOD: SnapshotEnvelope = {
  heartbeatMsgType: 2,
  heartbeatCnt: 17,
  dataCenterOrigin: 'dc1',
  applicationName: 'default',
  incarnation: 3,
  workload: 'dc1',
  origin: 'orders',
  batch: null,
  description: {
    version: 5,
    bytes: 10,
    sha256: 'ab'.repeat(32),
    takenAt: '2026-11-23T04:37:44.000Z',
    position: 'p',
    labels: { a: 'b' },
    withdrawn: false,
  },
};

describe('the headers of a snapshot', () => {
  it('come out as they went in', () => {
    fc.assert(
      fc.property(
        envelope,
        (sent) => void expect(parseEnvelope(envelopeHeaders(sent), 'orders')).to.deep.equal({ ok: true, value: sent }),
      ),
      { numRuns: 500 },
    );
  });

  it('are all such as HTTP carries', () => {
    fc.assert(
      fc.property(envelope, (sent) => {
        for (const [name, value] of Object.entries(envelopeHeaders(sent))) {
          expect(name).to.match(/^[a-z0-9._-]+$/);
          expect(value).to.match(/^[\x20-\x7e]*$/);
        }
      }),
    );
  });

  const hostile: [field: string, value: string | string[] | undefined][] = [
    ['crossdc-protocol', '2'],
    ['crossdc-protocol', undefined],
    ['crossdc-msg-type', '1'],
    ['crossdc-msg-type', '2, 2'],
    ['crossdc-msg-type', ['2', '4']],
    ['crossdc-data-center', '../dc1'],
    ['crossdc-data-center', ''],
    ['crossdc-workload', 'dc 1'],
    ['crossdc-workload', undefined],
    ['crossdc-application', undefined],
    ['crossdc-application', '%'],
    ['crossdc-application', 'a'.repeat(201)],
    ['crossdc-heartbeat-cnt', '0'],
    ['crossdc-heartbeat-cnt', '-1'],
    ['crossdc-incarnation', '1e3'],
    ['crossdc-incarnation', '0x10'],
    ['crossdc-version', '9007199254740992'],
    ['crossdc-version', '99999999999999999999'],
    ['crossdc-version', ' 5'],
    ['crossdc-version', '05'],
    ['crossdc-version', '5.0'],
    ['content-length', undefined],
    ['content-length', '-1'],
    ['content-length', '1e9'],
    ['content-length', '9'.repeat(16)],
    ['repr-digest', undefined],
    ['repr-digest', 'sha-512=:AAAA=:'],
    ['repr-digest', 'sha-256=:tooshort=:'],
    ['repr-digest', `sha-256=:${'A'.repeat(43)}`],
    ['crossdc-taken-at', 'yesterday'],
    ['crossdc-taken-at', '1'],
    ['crossdc-taken-at', '2026-13-45T99:99:99Z'],
    ['crossdc-taken-at', '2026-11-23T04:37:44.000Z (a comment)'],
    ['crossdc-position', '%ff'],
    ['crossdc-position', 'a%0d%0ab'],
    ['crossdc-position', 'x'.repeat(1025)],
    ['crossdc-position', ['a', 'b']],
    ['crossdc-label-a', '%'],
    ['crossdc-label-a', 'x'.repeat(1025)],
    ['crossdc-label-', 'x'],
    ['crossdc-label-__proto__', 'x'],
    [`crossdc-label-${'a'.repeat(65)}`, 'x'],
    ['crossdc-return', 'id'],
    ['crossdc-return', 'id;total=0'],
    ['crossdc-return', 'i/d;total=1'],
    ['crossdc-return', `${'i'.repeat(41)};total=1`],
    ['crossdc-withdrawn', '1'],
    ['crossdc-withdrawn', 'yes'],
  ];
  for (const [field, value] of hostile) {
    it(`are refused with ${field.slice(0, 40)}: ${JSON.stringify(value ?? 'nothing').slice(0, 40)}, and the field is named`, () => {
      const headers: Headers = { ...envelopeHeaders(GOOD), [field]: value };
      expect(parseEnvelope(headers, 'orders')).to.include({ ok: false, field });
    });
  }

  it('are refused with one label too many', () => {
    const labels = Object.fromEntries(Array.from({ length: LABELS_MAX + 1 }, (_, index) => [`l${index}`, 'x']));
    const headers = envelopeHeaders({ ...GOOD, description: { ...GOOD.description, labels } });
    expect(parseEnvelope(headers, 'orders')).to.include({ ok: false, field: `crossdc-label-l${LABELS_MAX}` });
  });

  it('name a withdrawal, and an empty content is one even when they do not', () => {
    const empty = envelopeHeaders({ ...GOOD, description: { ...GOOD.description, bytes: 0, withdrawn: true } });
    expect(empty['crossdc-withdrawn']).to.equal('1');
    const { 'crossdc-withdrawn': _said, ...unsaid } = empty;
    const parsed = parseEnvelope(unsaid, 'orders');
    expect(parsed.ok && parsed.value.description.withdrawn).to.equal(true);
  });

  it('of another kind are none of our business', () => {
    expect(parseEnvelope({ ...envelopeHeaders(GOOD), cookie: 'a=b', 'x-crossdc-label-a': '%' }, 'orders').ok).to.equal(
      true,
    );
  });

  it('are refused whatever they are, without anything being thrown', () => {
    const anyHeaders = fc.dictionary(
      fc.oneof(fc.string(), fc.constantFrom(...Object.keys(envelopeHeaders(GOOD)))),
      fc.oneof(fc.string({ unit: 'binary' }), fc.array(fc.string())),
    );
    fc.assert(fc.property(anyHeaders, (headers) => void expect(parseEnvelope(headers, 'orders').ok).to.equal(false)));
  });
});

describe('position and labels', () => {
  it('tell an empty position from none', () => {
    expect(parsePositionAndLabels({ 'crossdc-position': '' })).to.deep.equal({
      ok: true,
      value: { position: '', labels: {} },
    });
    expect(parsePositionAndLabels({})).to.deep.equal({ ok: true, value: { position: null, labels: {} } });
  });
});

describe('a Repr-Digest', () => {
  it('comes out as it went in', () => {
    fc.assert(fc.property(sha256, (digest) => void expect(parseReprDigest(reprDigest(digest))).to.equal(digest)));
  });

  const digest = '00'.repeat(32);
  const headers: [name: string, header: string, sha256: string | null][] = [
    ['is found among others', `sha-512=:AA==:, ${reprDigest(digest)},md5=:AA==:`, digest],
    ['is not taken out of another name', `x${reprDigest(digest)}`, null],
    ['is none when the header is empty', '', null],
  ];
  for (const [name, header, expected] of headers) it(name, () => expect(parseReprDigest(header)).to.equal(expected));

  it('is looked for in linear time', () => {
    expect(parseReprDigest(`${', '.repeat(50_000)}sha-256=`)).to.equal(null);
    expect(parseReprDigest(`,${' '.repeat(100_000)}x`)).to.equal(null);
  });
});
