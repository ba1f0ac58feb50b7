import fc from 'fast-check';
import type { Seeded } from '../soak/seeded.ts';
import { ENVELOPE_HEADERS, MESSAGE, STRANGER } from './models.ts';
import { endOf, inPieces, requestText, type HostileRequest } from './request.ts';

/** Text without what would end a header line; the rest of Latin-1 is as good as any. */
const headerText = fc
  .string({ unit: 'binary', maxLength: 200 })
  .map((text) => text.replace(/[^\x20-\x7e\x80-\xff]/g, ''));
const evilText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.constantFrom(
    '',
    '.',
    '..',
    '../../etc/passwd',
    '\0',
    '\u202e',
    '\ud800',
    '__proto__',
    'constructor',
    'x'.repeat(5000),
  ),
);
const number = fc.oneof(fc.double(), fc.integer(), fc.maxSafeInteger(), fc.constantFrom(-1, 0, 1e300, 2 ** 53, -0));
const wild = fc.oneof(
  { weight: 3, arbitrary: evilText },
  { weight: 3, arbitrary: number },
  { weight: 1, arbitrary: fc.constantFrom(null, true, false, [], {}) },
  { weight: 2, arbitrary: fc.jsonValue() },
);

/** What JSON.stringify would never write. */
const TWISTS: readonly ((json: string) => string)[] = [
  (json) => json,
  (json) => json,
  (json) => json.replace('{', '{"__proto__":{"dataCenterOrigin":"dc1","status":"passing"},'),
  (json) => json.replace('{', '{"constructor":{"prototype":{"protocol":1}},'),
  (json) => json.replace('{', `{"x":${'['.repeat(3000)}${']'.repeat(3000)},`),
  (json) => json.replace('{', `{"x":${'{"a":'.repeat(100)}1${'}'.repeat(100)},`),
  (json) => json.replace('{', `{${Array.from({ length: 3000 }, (_, index) => `"k${index}":0,`).join('')}`),
  (json) => json.replace(/:/, ':1e999,"y":'),
  (json) => json.replace('}', ',}'),
  (json) => `\ufeff${json}`,
  (json) => `${json}${json}`,
];

const twist = fc.constantFrom(...TWISTS);

/** A record of which some fields are as they should be, some wild, some missing. */
function spoiled(model: Readonly<Record<string, unknown>>): fc.Arbitrary<Record<string, unknown>> {
  const fields = Object.entries(model).map(([name, value]): [string, fc.Arbitrary<unknown>] => [
    name,
    fc.oneof({ weight: 8, arbitrary: fc.constant(value) }, { weight: 1, arbitrary: wild }),
  ]);
  return fc.record(Object.fromEntries(fields), { requiredKeys: [] });
}

/** The sender never calls itself what it could be taken for. */
const message = fc.tuple(spoiled({ ...MESSAGE }), fc.boolean(), twist).map(([fields, isFarewell, twisted]) => {
  const named = {
    ...fields,
    dataCenterOrigin: fields.dataCenterOrigin === MESSAGE.dataCenterOrigin ? STRANGER : fields.dataCenterOrigin,
  };
  return twisted(JSON.stringify(isFarewell ? { ...named, heartbeatMsgType: 3 } : named));
});

const envelope = fc
  .tuple(
    fc.record(
      Object.fromEntries(
        Object.entries(ENVELOPE_HEADERS).map(([name, value]) => [
          name,
          fc.oneof(
            { weight: 10, arbitrary: fc.constant(value) },
            { weight: 1, arbitrary: headerText },
            { weight: 1, arbitrary: number.map(String) },
          ),
        ]),
      ),
      { requiredKeys: [] },
    ),
    fc.dictionary(fc.stringMatching(/^crossdc-label-[a-z0-9.]{1,70}$/), headerText, { maxKeys: 40 }),
    fc.oneof(
      fc.constant('orders'),
      evilText.map((text) => encodeURIComponent(text.toWellFormed())),
      headerText,
    ),
    fc.uint8Array({ maxLength: 500 }),
  )
  .map(([headers, labels, origin, body]) => {
    const target = origin.replace(/[ \r\n]/g, '');
    const all: Record<string, string> = {};
    for (const [name, value] of Object.entries({ ...headers, ...labels })) if (value !== undefined) all[name] = value;
    return requestText(`PUT /peer/v1/snapshots/${target}`, all, Buffer.from(body));
  });

const post = message.map((body) =>
  requestText('POST /peer/v1/messages', { 'content-length': String(Buffer.byteLength(body)) }, body),
);

const badOrigin = fc.constantFrom('', '.', '..', 'x'.repeat(201), 'a\u0000b', 'a\nb', '\ud800', 'ö'.repeat(101));
const notStrings = fc.oneof(
  wild.filter((value) => !Array.isArray(value)),
  fc.array(badOrigin, { minLength: 1 }),
);
const notA = (...words: readonly string[]): fc.Arbitrary<unknown> =>
  wild.filter((value) => typeof value !== 'string' || !words.includes(value));

/** Bodies that the local API has to refuse, whoever sends them. */
const badBodies: readonly (readonly [line: string, body: fc.Arbitrary<unknown>])[] = [
  [
    'POST /v1/messages',
    fc.record({ msg: notA('OrderlyShutdown', 'SendMeDataFromSnapshotFiles') }, { requiredKeys: [] }),
  ],
  ['PUT /v1/health', fc.record({ status: notA('passing', 'critical'), note: wild })],
  [
    'PUT /v1/health',
    fc.record({ status: fc.constant('passing'), note: fc.oneof(number, fc.constant('n'.repeat(1001))) }),
  ],
  ['POST /v1/snapshot-requests', fc.record({ origins: notStrings, timeout: wild }, { requiredKeys: ['origins'] })],
  ['POST /v1/deliveries', fc.record({ dataCenter: notA('dc1', 'dc2'), origins: wild }, { requiredKeys: [] })],
  ['POST /v1/deliveries/d-1/snapshots/orders/reject', fc.record({ reason: wild }, { requiredKeys: [] })],
  ['POST /v1/deliveries', fc.anything().map(() => [])],
];

const badBody = fc
  .constantFrom(...badBodies)
  .chain(([line, body]) =>
    fc.tuple(body, twist).map(([value, twisted]): [string, string] => [line, twisted(JSON.stringify(value))]),
  );

/** Uploads with something about them that cannot be taken. */
const badUpload = fc.tuple(
  fc.oneof(
    badOrigin.map((origin) => `/v1/snapshots/${encodeURIComponent(origin.toWellFormed().replace(/^\.+$/, '%2e'))}/x`),
    fc.constantFrom(
      '/v1/snapshots/%ff',
      '/v1/snapshots/%2e%2e',
      '/v1/snapshots/a%00b',
      '/v1/snapshots/o?wait=for-ever',
      '/v1/snapshots/o?wait=replicated&timeout=-1',
      '/v1/snapshots/o?workload=../x',
      '/v1/snapshots/o?workload=a&workload=b',
    ),
  ),
  fc.uint8Array({ maxLength: 500 }),
);

function local(token: string): fc.Arbitrary<Buffer> {
  const mine = { host: '127.0.0.1', authorization: `Bearer ${token}` };
  const bodies = badBody.map(([line, body]) => {
    const length = String(Buffer.byteLength(body));
    return requestText(line, { ...mine, 'content-type': 'application/json', 'content-length': length }, body);
  });
  const uploads = badUpload.map(([path, body]) =>
    requestText(`PUT ${path}`, { ...mine, 'content-length': String(body.length) }, Buffer.from(body)),
  );
  const reads = fc
    .tuple(
      fc.constantFrom(
        '/v1/peers/',
        '/v1/deliveries/',
        '/v1/snapshots/',
        '/v1/events?after=',
        '/v1/peers/dc1/snapshots/',
      ),
      evilText,
      headerText,
    )
    .map(([path, text, range]) =>
      requestText(`GET ${path}${encodeURIComponent(text.toWellFormed())}`, { ...mine, range, 'last-event-id': range }),
    );
  return fc.oneof(bodies, bodies, uploads, reads);
}

/** Makes requests that are well-formed HTTP, and of which everything else may be wrong. */
export function makeStructured(token: string): (random: Seeded) => HostileRequest {
  const arbitraries: readonly [HostileRequest['to'], string, fc.Arbitrary<Buffer>][] = [
    ['peer', 'peer message', post],
    ['peer', 'peer snapshot', envelope],
    ['local', 'local API', local(token)],
  ];
  return (random) => {
    const [to, kind, arbitrary] = arbitraries[random.between(0, 2)] ?? ['peer', 'peer message', post];
    const [bytes = Buffer.alloc(0)] = fc.sample(arbitrary, { seed: random.between(0, 2 ** 31 - 1), numRuns: 1 });
    return { to, kind, writes: inPieces(bytes, 3, random), end: endOf(random) };
  };
}
