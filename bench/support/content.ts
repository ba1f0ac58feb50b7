import { randomBytes } from 'node:crypto';
import { open } from 'node:fs/promises';

export const MIB = 1024 * 1024;
/** What a binary COPY begins with: signature, flags, length of an extension (PostgreSQL, "COPY", File Formats). */
export const COPY_HEADER = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
export const COPY_TRAILER = Buffer.from([0xff, 0xff]);
/** Three fields: 2 bytes for their number, 4 for the length of each, 8 and 4 for the two numbers. */
const ROW_HEADER_BYTES = 26;

/** Random, because nothing may be gained by what compresses; each block differs from the one before. */
export function* blocks(bytes: number, blockBytes = MIB): Generator<Buffer> {
  const random = randomBytes(Math.min(bytes, blockBytes));
  for (let made = 0; made < bytes; made += random.byteLength) {
    const block = Buffer.from(random.subarray(0, bytes - made));
    block.writeUInt32LE(made / random.byteLength);
    yield block;
  }
}

/** A row of (snapshot bigint, number integer, bytes bytea) as binary COPY has it. */
export function copyRow(snapshot: bigint, number: number, bytes: Buffer): Buffer {
  const row = Buffer.allocUnsafe(ROW_HEADER_BYTES + bytes.byteLength);
  let at = row.writeInt16BE(3, 0);
  at = row.writeInt32BE(8, at);
  at = row.writeBigInt64BE(snapshot, at);
  at = row.writeInt32BE(4, at);
  at = row.writeInt32BE(number, at);
  at = row.writeInt32BE(bytes.byteLength, at);
  bytes.copy(row, at);
  return row;
}

/** What psql copies in: a content in rows of 1 MiB at most. */
export async function writeCopyFile(file: string, content: Iterable<Buffer>, snapshot = 1n): Promise<void> {
  const handle = await open(file, 'w');
  await handle.write(COPY_HEADER);
  let number = 0;
  for (const block of content) {
    await handle.write(copyRow(snapshot, number, block));
    number += 1;
  }
  await handle.write(COPY_TRAILER);
  await handle.close();
}
