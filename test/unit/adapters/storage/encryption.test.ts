import { createHash } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import {
  ContentCheck,
  contentBlocks,
  OutgoingContent,
  storedBytesOf,
  type StoredBlocks,
} from '../../../../src/adapters/storage/encryption.ts';
import { Keyring } from '../../../../src/adapters/storage/keyring.ts';
import { CHUNK_BYTES, HEADER_BYTES, sealedBytes, TAG_BYTES } from '../../../../src/adapters/storage/sealed-chunks.ts';
import { rowOf } from '../../../../src/adapters/storage/snapshot-row.ts';
import type { StoredSnapshot } from '../../../../src/core/snapshot.ts';
import { GatewayError } from '../../../../src/errors.ts';
import { KEY, keyOf, request, someBytes } from '../../../contract/snapshot-content.ts';
import { encryptionKey, keyringOf } from '../../../support/encryption-keys.ts';

const SEALED = CHUNK_BYTES + TAG_BYTES;
const KEYRING = keyringOf('0badcafe');

interface Sealed {
  readonly row: StoredSnapshot;
  readonly stored: Buffer;
}

function sealed(content: Buffer, more: { readonly keyring?: Keyring; readonly pieceBytes?: number } = {}): Sealed {
  const { keyring = KEYRING, pieceBytes = 100_000 } = more;
  const outgoing = new OutgoingContent(keyring, KEY);
  const parts: Uint8Array[] = [];
  for (let at = 0; at < content.length; at += pieceBytes)
    parts.push(...outgoing.add(content.subarray(at, at + pieceBytes)));
  const { rest, encryption } = outgoing.finish();
  const sha256 = createHash('sha256').update(content).digest('hex');
  const row = rowOf(request(1), { bytes: content.length, sha256, encryption }, { version: 1, storedAt: '' });
  return { row, stored: Buffer.concat([...parts, ...rest]) };
}

/** What is wrong; null when nothing is. The block is written over after each step, as the stores do. */
function problemOf({ row, stored }: Sealed, keyring = KEYRING, blockBytes = 50_000): string | null {
  const check = new ContentCheck(row, keyring);
  const block = Buffer.alloc(blockBytes);
  for (let at = 0; at < stored.length; at += blockBytes) {
    const length = stored.copy(block, 0, at, at + blockBytes);
    const problem = check.take(block.subarray(0, length));
    if (problem !== null) return problem;
    block.fill(0);
  }
  return check.finish();
}

/** What is read of the stored bytes for a part of the content. */
async function partOf({ row, stored }: Sealed, start: number, end: number, blockBytes = 70_000): Promise<Buffer> {
  const blocks: StoredBlocks = async function* (from, to) {
    for (let at = from; at < to; at += blockBytes)
      yield await Promise.resolve(Buffer.from(stored.subarray(at, Math.min(to, at + blockBytes))));
  };
  const read: Uint8Array[] = [];
  for await (const block of contentBlocks(row, KEYRING, blocks, { start, end })) read.push(block);
  return Buffer.concat(read);
}

function refusal(work: () => unknown): GatewayError {
  try {
    work();
  } catch (error) {
    if (error instanceof GatewayError) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

const SIZES = [
  1,
  15,
  CHUNK_BYTES - 1,
  CHUNK_BYTES,
  CHUNK_BYTES + 1,
  2 * CHUNK_BYTES,
  2 * CHUNK_BYTES + 1,
  3 * CHUNK_BYTES - 1,
];

/** "the state", as the first version that encrypted has stored it: what lies on disks must be readable for ever. */
const FROM_THE_FIRST = [
  '43524f5353444345011000000badcafe3331d7fb07220c9d6bea02f4e54a6170e47db91f175c239d1b9ff6f619386a6d',
  '1b60a51341c29df4824e53e2656a627258560eec35971cd7ddc1c63fb1adfbb2376834bd60dcf482e4e4a5b6d0c6c9ee',
  '70',
].join('');

describe('an encrypted content', () => {
  it('is read as the first version that encrypted wrote it', async () => {
    const stored = Buffer.from(FROM_THE_FIRST, 'hex');
    const content = Buffer.from('the state');
    const sha256 = createHash('sha256').update(content).digest('hex');
    const encryption = { keyId: '0badcafe', storedBytes: stored.length };
    const row = rowOf(request(1), { bytes: content.length, sha256, encryption }, { version: 1, storedAt: '' });
    expect(problemOf({ row, stored })).to.equal(null);
    expect((await partOf({ row, stored }, 0, content.length)).toString()).to.equal('the state');
  });

  it('of any size is what it was, and as long as its row says, in whatever pieces it comes and is read', () => {
    for (const size of SIZES) {
      const content = someBytes(size, size);
      for (const pieceBytes of [1000, CHUNK_BYTES, 1 << 20]) {
        const made = sealed(content, { pieceBytes });
        expect(made.stored.length, `${size}`).to.equal(sealedBytes(size));
        expect(storedBytesOf(made.row)).to.equal(made.stored.length);
        expect(made.row).to.include({ bytes: size });
        for (const blockBytes of [997, CHUNK_BYTES, 1 << 20])
          expect(problemOf(made, KEYRING, blockBytes), `${size} in ${blockBytes}`).to.equal(null);
      }
    }
  });

  it('is not there for a withdrawal, which has nothing to hide', () => {
    const { row, stored } = sealed(Buffer.alloc(0));
    expect(stored.length).to.equal(0);
    expect(row).not.to.have.property('encryption');
  });

  it('is stored as it comes without a key', () => {
    const content = someBytes(100_000);
    const { row, stored } = sealed(content, { keyring: new Keyring([]) });
    expect(stored.equals(content)).to.equal(true);
    expect(row).not.to.have.property('encryption');
  });

  it('has nothing of the content in it, and looks another each time', () => {
    const marker = 'a marker of sixteen bytes and more';
    const content = Buffer.from(marker.repeat(5000));
    const [first, second] = [sealed(content), sealed(content)];
    expect(first.stored.includes(marker.slice(0, 8))).to.equal(false);
    for (const at of [0, SEALED])
      expect(
        first.stored
          .subarray(HEADER_BYTES + at, HEADER_BYTES + at + 32)
          .equals(second.stored.subarray(HEADER_BYTES + at, HEADER_BYTES + at + 32)),
      ).to.equal(false);
  });

  it('gives out every range at every boundary of chunks', async () => {
    const content = someBytes(3 * CHUNK_BYTES + 77, 5);
    const made = sealed(content);
    const edges = [0, CHUNK_BYTES, 2 * CHUNK_BYTES, 3 * CHUNK_BYTES, content.length].flatMap((edge) =>
      [edge - 1, edge, edge + 1].filter((at) => at >= 0 && at <= content.length),
    );
    for (const start of edges)
      for (const end of edges.filter((at) => at >= start)) {
        const read = await partOf(made, start, end);
        expect(read.equals(content.subarray(start, end)), `${start} to ${end}`).to.equal(true);
      }
  });

  it('gives out any range of any content, in whatever blocks it is read', async function () {
    this.timeout(60_000);
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 * CHUNK_BYTES }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.integer({ min: 500, max: 300_000 }),
        async (size, from, part, blockBytes) => {
          const content = someBytes(size, size);
          const start = Math.min(size - 1, Math.floor(from * size));
          const end = start + Math.max(1, Math.floor(part * (size - start)));
          const read = await partOf(sealed(content), start, end, blockBytes);
          return read.equals(content.subarray(start, end));
        },
      ),
      { numRuns: 100 },
    );
  });

  it('reads no more of the store than the chunks that a range needs', async () => {
    const { row, stored } = sealed(someBytes(10 * CHUNK_BYTES));
    const asked: string[] = [];
    const blocks: StoredBlocks = async function* (from, to) {
      asked.push(`${from} ${to}`);
      yield await Promise.resolve(stored.subarray(from, to));
    };
    const part = { start: 5 * CHUNK_BYTES + 1, end: 6 * CHUNK_BYTES };
    for await (const block of contentBlocks(row, KEYRING, blocks, part)) expect(block.length).to.equal(CHUNK_BYTES - 1);
    expect(asked).to.deep.equal([`0 ${HEADER_BYTES}`, `${HEADER_BYTES + 5 * SEALED} ${HEADER_BYTES + 6 * SEALED}`]);
  });

  it('is damaged by a flipped bit anywhere: in each field of the header, in each chunk, in each tag', () => {
    const made = sealed(someBytes(2 * CHUNK_BYTES + 100));
    const { length } = made.stored;
    const places = [
      ...Array.from({ length: HEADER_BYTES }, (_, at) => at),
      ...[0, 1, 2].flatMap((chunk) => {
        const at = HEADER_BYTES + chunk * SEALED;
        return [at, at + 50, Math.min(at + SEALED, length) - TAG_BYTES, Math.min(at + SEALED, length) - 1];
      }),
    ];
    for (const at of places) {
      const stored = Buffer.from(made.stored);
      stored[at] = (stored[at] ?? 0) ^ 0x10;
      const problem = problemOf({ ...made, stored });
      expect(problem, `byte ${at}`).to.match(at < HEADER_BYTES ? /header/ : /chunk \d of 3 is not as it was encrypted/);
    }
  });

  it('is damaged by chunks that are missing, doubled, swapped, added or of another content', () => {
    const made = sealed(someBytes(3 * CHUNK_BYTES));
    const other = sealed(someBytes(3 * CHUNK_BYTES, 2));
    const header = made.stored.subarray(0, HEADER_BYTES);
    const [a, b, c] = [0, 1, 2].map((i) =>
      made.stored.subarray(HEADER_BYTES + i * SEALED, HEADER_BYTES + (i + 1) * SEALED),
    );
    const foreign = other.stored.subarray(HEADER_BYTES, HEADER_BYTES + SEALED);
    expect(problemOf({ ...made, stored: Buffer.concat([header, a!, b!, c!]) })).to.equal(null);
    const changed: Record<string, readonly Buffer[]> = {
      swapped: [header, b!, a!, c!],
      'the last one elsewhere': [header, a!, c!, b!],
      doubled: [header, a!, a!, c!],
      'one missing': [header, a!, c!],
      'the last one missing': [header, a!, b!],
      'one added': [header, a!, b!, c!, c!],
      'a byte added': [header, a!, b!, c!, Buffer.from([0])],
      'of another content': [header, foreign, b!, c!],
      'under the header of another': [other.stored.subarray(0, HEADER_BYTES), a!, b!, c!],
      'the header alone': [header],
      nothing: [],
    };
    // Found by the encryption itself: the digest of the whole would be too late for a range, and can be forged.
    const byItself = /AES-256-GCM|ends before its chunk|more than its chunks/;
    for (const [name, parts] of Object.entries(changed))
      expect(problemOf({ ...made, stored: Buffer.concat(parts) }), name).to.match(byItself);
    for (const cut of [1, TAG_BYTES, SEALED - 1, SEALED, SEALED + 1, 2 * SEALED])
      expect(problemOf({ ...made, stored: made.stored.subarray(0, -cut) }), `cut by ${cut}`).to.match(byItself);
  });

  it('cannot be passed for a shorter one, also with a row that says so', () => {
    const content = someBytes(3 * CHUNK_BYTES);
    const { row, stored } = sealed(content);
    const shorter = content.subarray(0, 2 * CHUNK_BYTES);
    const sha256 = createHash('sha256').update(shorter).digest('hex');
    const forged = { ...row, bytes: shorter.length, sha256 };
    expect(problemOf({ row: forged, stored: stored.subarray(0, HEADER_BYTES + 2 * SEALED) })).to.contain(
      'chunk 2 of 2',
    );
  });

  it('cannot be passed for that of another origin, workload or data centre, also with a row that says so', () => {
    const made = sealed(someBytes(1000));
    const owners = [keyOf('other'), { ...KEY, workload: 'dc3' }, { ...KEY, dataCenter: 'dc3' }];
    for (const key of owners) expect(problemOf({ ...made, row: { ...made.row, key } })).to.contain('chunk 1 of 1');
  });

  it('whose key is not listed is no damage: the key is named', () => {
    const { row, stored } = sealed(someBytes(1000), { keyring: keyringOf('0badcafe', '00000001') });
    for (const keyring of [new Keyring([]), keyringOf('00000001')]) {
      const error = refusal(() => problemOf({ row, stored }, keyring));
      expect(error.code).to.equal('encryption-key-missing');
      expect(error.message).to.contain('0badcafe').and.to.contain('snapshotEncryptionKeyFile');
    }
    expect(problemOf({ row, stored }, keyringOf('00000001', '0badcafe'))).to.equal(null);
  });

  it('whose key was replaced by another under the same id is no damage either', () => {
    const made = sealed(someBytes(1000));
    const error = refusal(() => problemOf(made, new Keyring([encryptionKey('0badcafe', 'another')])));
    expect(error.code).to.equal('encryption-key-missing');
    expect(error.message).to.contain('another key than the one');
  });
});
