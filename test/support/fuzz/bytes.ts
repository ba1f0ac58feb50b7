import type { Seeded } from '../soak/seeded.ts';
import { endOf, inPieces, type HostileRequest, type Model } from './request.ts';

type Mutation = (bytes: Buffer, random: Seeded) => Buffer;

const HEAD_END = Buffer.from('\r\n\r\n');
const NASTY = [
  '\0',
  '\r\n',
  '\n',
  '%00',
  '%2e%2e%2f',
  '../',
  '\xff\xfe',
  '[['.repeat(50),
  '9'.repeat(400),
  '-1',
  '"',
  '{',
  ' ',
];
const NASTY_HEADERS = [
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: gzip, chunked',
  'Transfer-Encoding : chunked',
  'Content-Length: 5',
  'Content-Length: -1',
  'Content-Length: 99999999999999999999',
  'Content-Length: 0x10',
  'Content-Encoding: gzip',
  'Expect: 100-continue',
  'Expect: a miracle',
  'Upgrade: websocket\r\nConnection: upgrade',
  'Connection: close, keep-alive, crossdc-version',
  'Host: a\r\nHost: b',
  'Origin: null',
  'Range: bytes=0-,1-2,-5',
  'Crossdc-Label-\x01: x',
  'Crossdc-Position: %',
  'X-Folded: a\r\n b',
  'Authorization: Bearer a.b.c',
  'Authorization: Bearer eyJhbGciOiJub25lIn0.e30.',
];

function at(bytes: Buffer, random: Seeded): number {
  return random.between(0, bytes.length);
}

/** Puts text in the place of a part. */
function splice(bytes: Buffer, from: number, to: number, text: string | Buffer): Buffer {
  const middle = typeof text === 'string' ? Buffer.from(text, 'latin1') : text;
  return Buffer.concat([bytes.subarray(0, from), middle, bytes.subarray(to)]);
}

/** Before the empty line that ends the headers. */
function withHeaders(bytes: Buffer, lines: string): Buffer {
  const end = bytes.indexOf(HEAD_END);
  return splice(bytes, end, end, `\r\n${lines}`);
}

const MUTATIONS: Readonly<Record<string, Mutation>> = {
  'flipped bits': (bytes, random) => {
    const changed = Buffer.from(bytes);
    for (let count = random.magnitude(1, 30); count > 0; count -= 1) {
      const place = random.between(0, changed.length - 1);
      changed[place] = (changed[place] ?? 0) ^ (1 << random.between(0, 7));
    }
    return changed;
  },
  truncated: (bytes, random) => bytes.subarray(0, at(bytes, random)),
  'a part removed': (bytes, random) => {
    const from = at(bytes, random);
    return splice(bytes, from, Math.min(bytes.length, from + random.magnitude(1, 60)), '');
  },
  'a part repeated': (bytes, random) => {
    const from = at(bytes, random);
    const part = bytes.subarray(from, from + random.magnitude(1, 200));
    const times = random.magnitude(1, 50);
    return splice(bytes, from, from, Buffer.concat(Array.from({ length: times }, () => part)));
  },
  'something nasty inserted': (bytes, random) => {
    const place = at(bytes, random);
    return splice(bytes, place, place, NASTY[random.between(0, NASTY.length - 1)] ?? '');
  },
  'a nasty header': (bytes, random) =>
    withHeaders(bytes, NASTY_HEADERS[random.between(0, NASTY_HEADERS.length - 1)] ?? ''),
  'huge headers': (bytes, random) => withHeaders(bytes, `X-Huge: ${'h'.repeat(random.magnitude(10_000, 200_000))}`),
  'many headers': (bytes, random) =>
    withHeaders(bytes, Array.from({ length: random.magnitude(90, 5000) }, (_, index) => `x-${index}: v`).join('\r\n')),
  'a huge target': (bytes, random) => {
    const space = bytes.indexOf(' ') + 1;
    return splice(bytes, space, space, `/${'%2e'.repeat(random.magnitude(100, 30_000))}`);
  },
  'another method': (bytes, random) => {
    const method = random.pick(['DELETE', 'OPTIONS', 'TRACE', 'CONNECT', 'PATCH', 'get', 'M-SEARCH', 'POST', 'HEAD']);
    return splice(bytes, 0, bytes.indexOf(' '), method);
  },
  'bad chunks': (bytes, random) => {
    const end = bytes.indexOf(HEAD_END);
    const chunk = random.pick([
      'zz\r\n',
      '-1\r\nx\r\n',
      'ffffffffffffffffff\r\n',
      '5;\0\r\nab',
      '5\nabcde\n0\n\n',
      '1\r\nab\r\n',
      '0\r\nX: y\0\r\n\r\n',
    ]);
    return Buffer.from(`${bytes.toString('latin1', 0, end)}\r\nTransfer-Encoding: chunked\r\n\r\n${chunk}`, 'latin1');
  },
  'a longer body': (bytes, random) => Buffer.concat([bytes, Buffer.alloc(random.magnitude(1, 300_000), 'b')]),
  pipelined: (bytes, random) => Buffer.concat(Array.from({ length: random.magnitude(2, 200) }, () => bytes)),
  garbage: (_bytes, random) => noise(random, random.magnitude(1, 4000)),
  'garbage in a body': (bytes, random) => {
    const end = bytes.indexOf(HEAD_END) + HEAD_END.length;
    return Buffer.concat([bytes.subarray(0, end), noise(random, bytes.length - end)]);
  },
  'a greeting of TLS': (_bytes, random) =>
    Buffer.concat([Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]), noise(random, random.between(0, 600))]),
  'HTTP/2': () => Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0', 'latin1'),
};

const NAMES = Object.keys(MUTATIONS);

function noise(random: Seeded, length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => random.between(0, 255)));
}

/** A request of the right form with one to three things wrong, or what is no request at all. */
export function mutated(models: readonly Model[], random: Seeded): HostileRequest {
  const model = models[random.between(0, models.length - 1)];
  if (model === undefined) throw new Error('there is nothing to make hostile requests of');
  let { bytes } = model;
  const kinds: string[] = [];
  for (let count = random.pick([1, 1, 1, 2, 3]); count > 0; count -= 1) {
    const kind = NAMES[random.between(0, NAMES.length - 1)] ?? 'truncated';
    kinds.push(kind);
    bytes = MUTATIONS[kind]?.(bytes, random) ?? bytes;
  }
  return { to: model.to, kind: kinds.join(', '), writes: inPieces(bytes, 4, random), end: endOf(random) };
}
