import { createCipheriv, createHash } from 'node:crypto';
import type { Seeded } from './seeded.ts';

const LEAST_BYTES = 102;
const MOST_BYTES = 4 << 20;
const LONGEST_PAUSE_MS = 1_500;

export interface Post {
  /** Empty: a withdrawal. */
  readonly body: Buffer;
  readonly sha256: string;
  /** Seconds for which the poster waits until the peer has it; null: it does not. */
  readonly waitSeconds: number | null;
  /** After it, before the next. */
  readonly pauseMs: number;
}

/** The posts of one origin, as many as are asked for; the seed determines them all, to the last byte. */
export function* postsOf(random: Seeded): Generator<Post, never> {
  for (;;) {
    const isWithdrawal = random.chance(0.04);
    const bytes = random.magnitude(LEAST_BYTES, MOST_BYTES);
    const body = isWithdrawal ? Buffer.alloc(0) : contentOf(random, bytes);
    yield {
      body,
      sha256: createHash('sha256').update(body).digest('hex'),
      waitSeconds: random.chance(0.15) ? random.between(1, 8) : null,
      pauseMs: random.between(20, LONGEST_PAUSE_MS),
    };
  }
}

/** Bytes that no other post has; every third content is one that a compression makes smaller. */
function contentOf(random: Seeded, bytes: number): Buffer {
  const key = Buffer.alloc(16);
  for (let at = 0; at < key.length; at += 4) key.writeUInt32LE(Math.floor(random.next() * 2 ** 32), at);
  const stream = createCipheriv('aes-128-ctr', key, Buffer.alloc(16));
  if (!random.chance(1 / 3)) return stream.update(Buffer.alloc(bytes));
  return Buffer.alloc(bytes, stream.update(Buffer.alloc(Math.min(bytes, 4_096))));
}
