import type { IncomingMessage } from 'node:http';
import { backoffMs } from '../../core/backoff.ts';
import { messageOf } from '../../errors.ts';
import { CliError, EXIT } from '../exit-status.ts';
import { throwIfInterrupted, type CliIo } from '../io.ts';
import { TRANSFER_IDLE_MS, type LocalApi } from '../local-api.ts';
import { isUnreachable, noGateway, unreachable } from '../local-api-errors.ts';
import { assertDigest, parseReprDigest, Tally } from './digest.ts';
import type { Sink } from './sink.ts';

export interface Download {
  readonly api: LocalApi;
  readonly io: CliIo;
  readonly path: string;
  readonly sink: Sink;
  readonly onProgress: (bytes: number, total: number | null) => void;
}

export interface Downloaded {
  readonly bytes: number;
  readonly sha256: string;
  readonly version: string | undefined;
}

/** Attempts in a row that brought nothing, before we give up. */
const ATTEMPTS = 5;
const RETRY = { firstMs: 200, mostMs: 5000 };

/** What the first answer said of the snapshot; a resumed one must be of the same. */
interface Subject {
  readonly etag: string | undefined;
  readonly sha256: string;
  readonly version: string | undefined;
  readonly total: number | null;
}

/**
 * Fetches a snapshot into the sink. When the connection breaks in the middle, the rest is asked for by range, on the
 * condition that it is still the same snapshot; when it is not, the sink starts over with the new one if it can.
 *
 * @throws CliError; the sink has then not been committed
 */
export async function download(of: Download): Promise<Downloaded> {
  const interrupted = of.io.interruption();
  const state = { tally: new Tally(), interrupted, hasAdopted: false };
  const { tally } = state;
  let subject: Subject | undefined;
  let attemptsLeft = ATTEMPTS;
  for (;;) {
    const before = tally.bytes;
    try {
      subject = await transfer(of, state, subject);
      break;
    } catch (error) {
      throwIfInterrupted(interrupted);
      const isFirst = subject === undefined && tally.bytes === 0 && !(error instanceof Broken);
      if (isFirst || !(error instanceof Broken || isUnreachable(error))) throw error;
      if (error instanceof Broken) subject = error.subject;
      attemptsLeft = tally.bytes > before ? ATTEMPTS : attemptsLeft - 1;
      if (attemptsLeft === 0) throw error instanceof Broken ? unreachable(of.api.target, error.message) : error;
      await of.io.sleep(backoffMs(ATTEMPTS - attemptsLeft + 1, RETRY, Math.random()), interrupted);
      throwIfInterrupted(interrupted);
    }
  }
  if (tally.sha256() !== subject.sha256) {
    // Nobody may go on with these; and if they came from an earlier download, this one begins again without them.
    const isEmptied = await of.sink.restart();
    if (state.hasAdopted && isEmptied) return download(of);
  }
  assertDigest('the bytes that came', tally.sha256(), subject.sha256);
  return { bytes: tally.bytes, sha256: subject.sha256, version: subject.version };
}

/** The connection ended before the snapshot did. */
class Broken extends Error {
  readonly subject: Subject;

  constructor(subject: Subject, reason: string) {
    super(`the snapshot broke off: ${reason}`);
    this.subject = subject;
  }
}

interface State {
  readonly tally: Tally;
  readonly interrupted: AbortSignal;
  /** Some of the bytes came in an earlier download, by another process. */
  hasAdopted: boolean;
}

/** One attempt, from where the tally stands. Resolves when everything is there. @throws Broken, CliError */
async function transfer(of: Download, state: State, known: Subject | undefined): Promise<Subject> {
  const { tally, interrupted } = state;
  const resumeAt = known?.etag === undefined ? 0 : tally.bytes;
  if (known !== undefined && known.total === tally.bytes) return known;
  const headers: Record<string, string> =
    resumeAt > 0 && known?.etag !== undefined ? { range: `bytes=${resumeAt}-`, 'if-range': known.etag } : {};
  const answer = await of.api.open({ path: of.path, headers, signal: interrupted, idleMs: TRANSFER_IDLE_MS });
  const isRest = answer.statusCode === 206;
  const subject = isRest && known !== undefined ? known : subjectOf(of, answer);
  if (isRest) {
    assertRest(of, answer, resumeAt);
  } else {
    try {
      await begin(of, state, subject);
    } catch (error) {
      answer.destroy();
      throw error;
    }
  }
  await copy(of, answer, { subject, tally, interrupted });
  return subject;
}

/** The first bytes of a snapshot come next, unless there is a part of it already. @throws Broken when the rest is wanted */
async function begin(of: Download, state: State, subject: Subject): Promise<void> {
  const { tally } = state;
  if (tally.bytes > 0) {
    if (!(await of.sink.restart())) {
      throw new CliError(
        EXIT.failed,
        'the connection broke, and meanwhile the snapshot changed: discard what was written',
      );
    }
    tally.reset();
  }
  const adopted = await of.sink.adopt(subject.sha256, (chunk) => tally.add(chunk));
  if (adopted === 0) return;
  if (subject.etag !== undefined && subject.total !== null && adopted <= subject.total) {
    state.hasAdopted = true;
    throw new Broken(subject, 'the rest of what an earlier download left is wanted');
  }
  await of.sink.restart();
  tally.reset();
}

async function copy(
  of: Download,
  answer: IncomingMessage,
  { subject, tally, interrupted }: { subject: Subject; tally: Tally; interrupted: AbortSignal },
): Promise<void> {
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      await of.sink.write(chunk);
      tally.add(chunk);
      of.onProgress(tally.bytes, subject.total);
    }
  } catch (error) {
    if (error instanceof CliError && !isUnreachable(error)) throw error;
    throwIfInterrupted(interrupted);
    throw new Broken(subject, messageOf(error));
  }
  if (subject.total !== null && tally.bytes < subject.total) throw new Broken(subject, 'it ended too soon');
}

function subjectOf({ api }: Download, answer: IncomingMessage): Subject {
  const { headers } = answer;
  const sha256 = parseReprDigest(headers['repr-digest']);
  if (answer.statusCode !== 200 || sha256 === undefined) {
    answer.destroy();
    throw noGateway(api.target, 'its answer has no Repr-Digest');
  }
  // A weak tag does not promise the same bytes, so there is nothing to resume by.
  const etag = headers.etag?.startsWith('"') === true ? headers.etag : undefined;
  const length = headers['content-length'];
  const version = headers['crossdc-version'];
  return {
    etag,
    sha256,
    version: typeof version === 'string' ? version : undefined,
    total: length === undefined ? null : Number(length),
  };
}

function assertRest({ api }: Download, answer: IncomingMessage, resumeAt: number): void {
  if (answer.headers['content-range']?.startsWith(`bytes ${resumeAt}-`) === true && resumeAt > 0) return;
  answer.destroy();
  throw noGateway(api.target, 'it gave another part of the snapshot than the one asked for');
}
