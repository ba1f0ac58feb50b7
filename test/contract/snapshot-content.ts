import { createHash } from 'node:crypto';
import type { SnapshotKey, StoredSnapshot } from '../../src/core/snapshot.ts';
import { GatewayError, type ErrorCode } from '../../src/errors.ts';
import type { ByteRange, PutSnapshot, SnapshotStore } from '../../src/ports/snapshot-store.ts';

export const KEY: SnapshotKey = { dataCenter: 'dc2', workload: 'dc2', origin: 'orders' };

export function keyOf(origin: string, dataCenter = 'dc2'): SnapshotKey {
  return { dataCenter, workload: dataCenter, origin };
}

export function sha256Of(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

/** Reproducible bytes that compress badly and differ by seed. */
export function someBytes(count: number, seed = 1): Buffer {
  const bytes = Buffer.allocUnsafe(count);
  let state = seed * 2654435761;
  for (let i = 0; i < count; i += 1) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

export async function* chunked(content: string | Uint8Array, chunkBytes = 16384): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(content);
  for (let at = 0; at < bytes.byteLength; at += chunkBytes)
    yield await Promise.resolve(bytes.subarray(at, at + chunkBytes));
}

export function request(version: number, change: Partial<PutSnapshot> = {}): PutSnapshot {
  return {
    key: KEY,
    version: () => version,
    takenAt: () => '2026-01-02T03:04:05.678Z',
    position: null,
    labels: {},
    incarnation: 7,
    maxBytes: 1 << 30,
    expect: { bytes: null, sha256: null },
    ...change,
  };
}

export function put(
  store: SnapshotStore,
  version: number,
  content: string | Uint8Array,
  change: Partial<PutSnapshot> = {},
): Promise<StoredSnapshot> {
  return store.put(request(version, change), chunked(content), new AbortController().signal);
}

export async function contentOf(
  store: SnapshotStore,
  key: SnapshotKey,
  version: number,
  range?: ByteRange,
): Promise<Buffer> {
  const reader = await store.open(key, version);
  const chunks: Uint8Array[] = [];
  for await (const chunk of reader.stream(range)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** The code with which the work was refused; fails the test when it was not, or by something outside the catalogue. */
export async function refusal(work: Promise<unknown>): Promise<ErrorCode> {
  const error: unknown = await work.then(
    () => new Error('it was not refused'),
    (reason: unknown) => reason,
  );
  if (error instanceof GatewayError) return error.code;
  throw error;
}

/** Version and place of each row of a key, newest first: `3 live`. */
export function placesOf(store: SnapshotStore, key: SnapshotKey = KEY): string[] {
  return store.rowsOf(key).map((row) => `${row.version} ${row.place}`);
}
