import { open, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '../../ports/log.ts';
import { messageOf } from '../../errors.ts';
import { systemCode, type Disk, type DiskFile } from './disk.ts';
import { idOfLine, linesOf, type JournalEntry } from './journal-lines.ts';
import { ignore } from '../storage/lanes.ts';
import { isUnreadable } from './store-error.ts';

/** `FIRST-ID.jsonl`, the id padded so that the names sort as the ids do. */
const SEGMENT_NAME = /^(\d{16})\.jsonl$/;
/** Places where readers stopped; one that pages through the log goes on there instead of searching again. */
const HINTS = 64;

interface Segment {
  readonly firstId: number;
  readonly path: string;
  /** What is durable and whole; anything behind it is the torn end of a write that failed. */
  bytes: number;
}

export interface SegmentOptions<E extends JournalEntry> {
  readonly root: string;
  /** Idempotent, and free of cost once it is there. */
  readonly makeRoot: () => Promise<void>;
  readonly disk: Disk;
  readonly log: Log;
  /** A segment of this size is closed and the next one begun. */
  readonly segmentBytes: number;
  /** The most segments kept. */
  readonly segments: number;
  /** Takes untrusted text; null for what is no entry. */
  readonly parse: (line: string) => E | null;
}

export interface StoredLine<E> {
  readonly entry: E;
  readonly line: string;
}

/** The files of a journal: appended to one at a time, the oldest dropped. One caller appends; any number read. */
export class JournalSegments<E extends JournalEntry> {
  readonly #options: SegmentOptions<E>;
  #segments: Segment[] = [];
  /** The last segment, open for writing; null before the first write of this run. */
  #file: DiskFile | null = null;
  #isTorn = false;
  #isAnew = false;
  #mustBegin = false;
  readonly #hints = new Map<number, { readonly firstId: number; readonly offset: number }>();

  private constructor(options: SegmentOptions<E>) {
    this.#options = options;
  }

  /** Finds the segments. A torn end of the last one is cut off at the first write. */
  static async open<E extends JournalEntry>(options: SegmentOptions<E>): Promise<JournalSegments<E>> {
    const segments = new JournalSegments(options);
    const names = await readdir(options.root).catch(unlessMissing);
    for (const name of names.sort()) {
      const match = SEGMENT_NAME.exec(name);
      if (match === null) continue;
      const path = join(options.root, name);
      segments.#segments.push({ firstId: Number(match[1]), path, bytes: (await stat(path)).size });
    }
    return segments;
  }

  /** The id with which the oldest segment that has entries begins; 0 when none has. */
  get oldestId(): number {
    return this.#segments.find((segment) => segment.bytes > 0)?.firstId ?? 0;
  }

  /**
   * The newest entries, oldest first, at most about `most`; and finds the end of what is whole. Called once, at open.
   * @returns also whether there are older ones
   */
  async loadNewest(most: number): Promise<{ readonly lines: readonly StoredLine<E>[]; readonly hasOlder: boolean }> {
    const found: StoredLine<E>[] = [];
    let before = Number.MAX_SAFE_INTEGER;
    for (let i = this.#segments.length - 1; i >= 0; i -= 1) {
      const segment = this.#segments[i];
      if (segment === undefined || segment.bytes === 0) continue;
      if (found.length >= most) return { lines: found.reverse(), hasOlder: true };
      const bytes = await readFile(segment.path).catch((error: unknown) => this.#leaveOut(segment, error));
      if (bytes === null) continue;
      const lines = [...linesOf(bytes)];
      let isEndKnown = i < this.#segments.length - 1;
      let bad = 0;
      for (let j = lines.length - 1; j >= 0; j -= 1) {
        if (found.length >= most && isEndKnown) return { lines: found.reverse(), hasOlder: true };
        const line = lines[j];
        const entry = line === undefined ? null : this.#options.parse(line.text);
        if (line === undefined || entry === null || entry.id >= before) {
          bad += 1;
          continue;
        }
        if (!isEndKnown) this.#cutAt(segment, line.end);
        isEndKnown = true;
        before = entry.id;
        found.push({ entry, line: line.text });
      }
      if (!isEndKnown) this.#cutAt(segment, 0);
      if (bad > 0) this.#options.log.warn({ segment: segment.path, bad }, 'Damaged lines of a journal are skipped');
    }
    return { lines: found.reverse(), hasOlder: false };
  }

  /** Appends whole lines; durable when it resolves, cut off again before the next write when it throws. */
  async append(lines: Buffer, firstId: number): Promise<void> {
    const { segment, file } = await this.#writable(firstId);
    try {
      if (this.#isTorn) await file.truncate(segment.bytes);
      this.#isTorn = true;
      await file.write([lines]);
      await file.sync();
    } catch (error) {
      // The handle may be what is bad: the next attempt opens the file anew.
      await this.#closeFile();
      throw error;
    }
    this.#isTorn = false;
    segment.bytes += lines.byteLength;
    if (!this.#isAnew) return;
    this.#isAnew = false;
    await this.#keep(1);
  }

  /** What is stored so far no longer belongs to the journal: the next write begins a segment and drops all before it. */
  startAnew(): void {
    this.#isAnew = true;
    this.#mustBegin = true;
  }

  /** Up to `limit` entries with an id above `after` and not above `upTo`, oldest first. */
  async read(after: number, limit: number, upTo: number): Promise<E[]> {
    const found: E[] = [];
    const hint = this.#hints.get(after);
    const start = Math.max(
      0,
      this.#segments.findLastIndex((segment) => segment.firstId <= (hint?.firstId ?? after + 1)),
    );
    let last = after;
    // A copy: segments may be added and dropped while we read.
    for (const segment of this.#segments.slice(start)) {
      if (segment.firstId > upTo || found.length >= limit) break;
      const offset = segment.firstId === hint?.firstId ? hint.offset : 0;
      const bytes = await readRange(segment.path, offset, segment.bytes);
      for (const line of linesOf(bytes)) {
        if ((idOfLine(line.text) ?? Infinity) <= last) continue;
        const entry = this.#options.parse(line.text);
        if (entry === null || entry.id <= last) continue;
        if (entry.id > upTo) return found;
        last = entry.id;
        found.push(entry);
        if (found.length < limit) continue;
        this.#remember(last, { firstId: segment.firstId, offset: offset + line.end });
        break;
      }
    }
    return found;
  }

  async close(): Promise<void> {
    await this.#closeFile();
  }

  /** A segment that cannot be read is left where it is; nothing more is written to it. */
  #leaveOut(segment: Segment, error: unknown): null {
    if (!isUnreadable(error)) throw error;
    this.#options.log.error(
      { segment: segment.path, problem: messageOf(error) },
      'A segment of a journal cannot be read; its entries are missing',
    );
    this.#mustBegin ||= segment === this.#segments.at(-1);
    this.#segments = this.#segments.filter((other) => other !== segment);
    return null;
  }

  #cutAt(segment: Segment, bytes: number): void {
    if (segment.bytes === bytes) return;
    this.#options.log.warn(
      { segment: segment.path, from: bytes, to: segment.bytes },
      'The torn end of a journal is dropped',
    );
    segment.bytes = bytes;
    this.#isTorn = true;
  }

  async #writable(firstId: number): Promise<{ segment: Segment; file: DiskFile }> {
    const last = this.#segments.at(-1);
    if (last === undefined || this.#mustBegin || last.bytes >= this.#options.segmentBytes) return this.#begin(firstId);
    this.#file ??= await this.#options.disk.append(last.path);
    return { segment: last, file: this.#file };
  }

  async #begin(firstId: number): Promise<{ segment: Segment; file: DiskFile }> {
    const { root, makeRoot, disk } = this.#options;
    await this.#closeFile();
    await makeRoot();
    const path = join(root, `${String(firstId).padStart(16, '0')}.jsonl`);
    // One of this name can only be what is left of an attempt that failed.
    await disk.unlink(path);
    const file = await disk.create(path);
    try {
      await disk.syncFolder(root);
    } catch (error) {
      await file.close().catch(ignore);
      throw error;
    }
    const segment: Segment = { firstId, path, bytes: 0 };
    this.#segments.push(segment);
    this.#file = file;
    this.#isTorn = false;
    this.#mustBegin = false;
    await this.#keep(this.#options.segments);
    return { segment, file };
  }

  async #keep(count: number): Promise<void> {
    while (this.#segments.length > count) {
      const [oldest] = this.#segments;
      if (oldest === undefined) return;
      try {
        await this.#options.disk.unlink(oldest.path);
      } catch {
        // Tried again when the next segment begins; one too many is no harm.
        return;
      }
      this.#segments = this.#segments.slice(1);
    }
  }

  async #closeFile(): Promise<void> {
    const file = this.#file;
    this.#file = null;
    await file?.close().catch(ignore);
  }

  #remember(id: number, place: { readonly firstId: number; readonly offset: number }): void {
    this.#hints.set(id, place);
    const [oldest] = this.#hints.keys();
    if (this.#hints.size > HINTS && oldest !== undefined) this.#hints.delete(oldest);
  }
}

/** The bytes of a file between two places; nothing when the file was dropped meanwhile. */
async function readRange(path: string, start: number, end: number): Promise<Buffer> {
  try {
    const handle = await open(path, 'r');
    try {
      const target = Buffer.allocUnsafe(Math.max(0, end - start));
      const { bytesRead } = await handle.read(target, 0, target.byteLength, start);
      return target.subarray(0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return Buffer.alloc(0);
    throw error;
  }
}

/** A folder that could not be made yet has nothing in it. */
function unlessMissing(error: unknown): string[] {
  if (systemCode(error) === 'ENOENT') return [];
  throw error;
}
