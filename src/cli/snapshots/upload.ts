import { open, type FileHandle } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { MIB, SECOND_MS } from '../../units.ts';
import { asReceipt, type Receipt } from '../answers.ts';
import { CliError, EXIT, usageError } from '../exit-status.ts';
import { fileProblem } from '../file-problem.ts';
import { writeJson, writeLine, type CliIo } from '../io.ts';
import { printable } from '../display-width.ts';
import { formatBytes } from '../format.ts';
import { TRANSFER_IDLE_MS, type LocalApi } from '../local-api.ts';
import { replicationText } from './list.ts';
import { outgoingPath } from './paths.ts';

/** What a snapshot is made from: its bytes, and how many there will be where that is known. */
export interface Source {
  readonly content: AsyncIterable<Uint8Array>;
  readonly bytes: number | null;
  close(): Promise<void>;
}

export interface Upload {
  readonly origin: string;
  readonly workload: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly source: Source;
  /** Seconds to wait until the peers have it; null waits for nothing. */
  readonly waitSeconds: number | null;
}

const DEFAULT_WAIT_SECONDS = 30;

/** `--wait` and `--timeout` as one. @throws CliError (usage) for a timeout of nothing */
export function waitOf(wait: boolean | undefined, timeout: number | undefined): number | null {
  if (wait !== true && timeout !== undefined) throw usageError('--timeout goes with --wait');
  return wait === true ? (timeout ?? DEFAULT_WAIT_SECONDS) : null;
}

/** Posts a snapshot, streamed. @throws CliError; after a timeout of `waitSeconds` the snapshot stays queued */
export async function upload(
  api: LocalApi,
  { origin, workload, headers, source, waitSeconds }: Upload,
): Promise<Receipt> {
  const wait = waitSeconds === null ? {} : { wait: 'replicated', timeout: String(waitSeconds) };
  const answer = await api.json({
    method: 'PUT',
    path: outgoingPath(origin, { workload, ...wait }),
    headers: {
      'content-type': 'application/octet-stream',
      ...(source.bytes === null ? {} : { 'content-length': String(source.bytes) }),
      ...headers,
    },
    content: source.content,
    idleMs: TRANSFER_IDLE_MS + (waitSeconds ?? 0) * SECOND_MS,
  });
  return asReceipt(api.target, answer);
}

export async function printReceipt(io: CliIo, receipt: Receipt, asJson: boolean): Promise<void> {
  if (asJson) {
    await writeJson(io.stdout, receipt);
    return;
  }
  const what = receipt.bytes === 0 ? 'withdrawn' : formatBytes(receipt.bytes);
  const line = `${receipt.origin}: version ${receipt.version}, ${what}, sha256 ${receipt.sha256}`;
  await writeLine(io.stdout, `${printable(line)}, peers: ${replicationText(receipt)}`);
}

/** An empty source: a withdrawal. */
export function emptySource(): Source {
  return { content: Readable.from([]), bytes: 0, close: () => Promise.resolve() };
}

/** @throws CliError when the file cannot be read; while it is read, when it changes: half of each is no snapshot */
export async function fileSource(path: string): Promise<Source> {
  const file = await open(path, 'r').catch((error: unknown) => {
    throw cannotRead(path, error);
  });
  const before = await file.stat();
  if (!before.isFile()) {
    // A pipe or a device has no length; a folder fails at the first read.
    return { content: readAll(file, path), bytes: null, close: () => file.close() };
  }
  return { content: readUnchanged(file, path, before), bytes: before.size, close: () => file.close() };
}

type Stamp = { readonly size: number; readonly mtimeMs: number };

/** The last chunk is handed out only once the file is known not to have changed: before it the gateway has no snapshot. */
async function* readUnchanged(file: FileHandle, path: string, before: Stamp): AsyncGenerator<Uint8Array> {
  let last: Uint8Array | undefined;
  let bytes = 0;
  for await (const chunk of readAll(file, path)) {
    if (last !== undefined) yield last;
    last = chunk;
    bytes += chunk.length;
    if (bytes > before.size) break;
  }
  const after = await file.stat();
  if (bytes !== before.size || after.mtimeMs !== before.mtimeMs) {
    throw new CliError(EXIT.failed, `${path} changed while it was read; nothing was posted`);
  }
  if (last !== undefined) yield last;
}

async function* readAll(file: FileHandle, path: string): AsyncGenerator<Uint8Array> {
  try {
    yield* file.createReadStream({ highWaterMark: MIB, autoClose: false }) as AsyncIterable<Buffer>;
  } catch (error) {
    throw cannotRead(path, error);
  }
}

function cannotRead(path: string, error: unknown): CliError {
  return new CliError(EXIT.failed, `${path} cannot be read: ${fileProblem(error)}`);
}
