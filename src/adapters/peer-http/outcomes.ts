import * as v from 'valibot';
import { INVENTORY_JSON } from '../../wire/bounded-json.ts';
import { HEADER } from '../../wire/snapshot-headers.ts';
import { inventorySchema, peerAnswerSchema } from '../../wire/messages.ts';
import { LARGEST_NUMBER } from '../../units.ts';
import type {
  Failed,
  FailureReason,
  InventoryOutcome,
  MessageOutcome,
  Refused,
  RefusalReason,
  TransferOutcome,
} from '../../ports/peer-transport.ts';
import { WRONG_NAME, type GivenAnswer } from '../peer-auth/peer-link.ts';
import { BodyTooLong, parseJson } from './bounded-body.ts';
import { oneLine } from './safe-text.ts';

/** What a machine answered, read to its end. */
export interface Answer {
  readonly status: number;
  readonly body: Uint8Array;
}

export function refused(reason: RefusalReason, detail: string): Refused {
  return { kind: 'refused', reason, detail };
}

export function failed(reason: FailureReason, detail: string): Failed {
  return { kind: 'failed', reason, detail };
}

export function messageOutcome(answer: Answer, rttMs: number): MessageOutcome {
  if (answer.status === 200) {
    const parsed = v.safeParse(peerAnswerSchema, parseJson(answer.body), { abortEarly: true });
    if (parsed.success) return { kind: 'answered', answer: parsed.output, rttMs };
    return notAGateway('It answered 200 with something else than a gateway would.');
  }
  const problem = problemIn(answer);
  if (answer.status === 409 && problem?.has != null) return { kind: 'stale', has: problem.has };
  return commonOutcome(answer, problem);
}

/** A 200 is believed without a look at its body: only a machine that answered a heartbeat is ever sent a snapshot. */
export function transferOutcome(answer: Answer): TransferOutcome {
  const problem = problemIn(answer);
  const detail = describe(answer, problem);
  switch (answer.status) {
    case 200:
      return { kind: 'stored' };
    case 409:
      if (problem?.has == null || !NOT_NEWER.has(problem.code)) break;
      return { kind: 'not-newer', has: problem.has, isConflict: problem.code === 'version-conflict' };
    case 413:
      return failed('too-large', detail);
    case 422:
      return failed('digest-mismatch', detail);
    case 503:
      if (problem?.code !== 'store-unavailable') break;
      return failed('store-unavailable', detail);
    case 507:
      return failed('store-full', detail);
    default:
      if (problem?.code === 'interrupted') return failed('interrupted', detail);
  }
  return commonOutcome(answer, problem);
}

/** The name that an answer gives its sender; null when there is none. */
export function claimedName({ headers }: GivenAnswer): string | null {
  const name = headers[HEADER.dataCenter];
  return typeof name === 'string' ? name : null;
}

export function inventoryOutcome(answer: Answer): InventoryOutcome {
  if (answer.status !== 200) return commonOutcome(answer, problemIn(answer));
  const parsed = v.safeParse(inventorySchema, parseJson(answer.body, INVENTORY_JSON), { abortEarly: true });
  if (parsed.success) return { kind: 'rows', rows: parsed.output };
  return notAGateway('It answered the question for its inventory with something else.');
}

/**
 * What an error of the network, of TLS or of the HTTP parser says about the machine.
 *
 * @param isConnected whether the machine had accepted the connection: a reset is then an interruption
 */
export function errorOutcome(error: unknown, isConnected: boolean): Refused | Failed {
  if (error instanceof BodyTooLong) return notAGateway(`Its answer is no gateway's: ${error.message}`);
  const code = codeOf(error);
  const detail = describeError(error, code);
  if (code === WRONG_NAME) return refused('wrong-data-center', detail);
  if (TIMEOUTS.has(code)) return failed('timeout', detail);
  if (code.startsWith('HPE_') || code === 'UND_ERR_HEADERS_OVERFLOW')
    return notAGateway(`What answers there speaks no HTTP that we know (${code}).`);
  if (code === 'EPROTO' || /^(ERR_SSL_|ERR_TLS_|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_)/.test(code))
    return refused('tls', detail);
  return failed(isConnected ? 'interrupted' : 'unreachable', detail);
}

/** The system's or the library's code of an error, or of what caused it; empty when there is none. */
export function codeOf(error: unknown): string {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth += 1) {
    // Some of the library's parser errors have no code.
    if (at.name === 'HTTPParserError') return 'HPE_INVALID';
    // The library's own code for "the socket failed" hides the system's, which lies in its cause.
    if ('code' in at && typeof at.code === 'string' && !(at.code === 'UND_ERR_SOCKET' && at.cause instanceof Error))
      return at.code;
  }
  return '';
}

const TIMEOUTS: ReadonlySet<string> = new Set([
  'ETIMEDOUT',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
]);
const NOT_NEWER: ReadonlySet<string> = new Set(['version-older', 'version-conflict', 'origin-has-newer']);
const PROBLEM_TYPE = 'urn:crossdc:problem:';

interface PeerProblem {
  /** The code of our catalogue, as the peer gives it; one that we do not know is possible. */
  readonly code: string;
  readonly detail: string;
  readonly has: number | null;
}

const problemSchema = v.object({
  type: v.pipe(v.string(), v.startsWith(PROBLEM_TYPE), v.maxLength(100)),
  detail: v.optional(v.string(), ''),
  has: v.optional(v.unknown()),
});

/** The problem in an answer; null when a gateway did not write it. */
function problemIn(answer: Answer): PeerProblem | null {
  if (answer.status < 400) return null;
  const parsed = v.safeParse(problemSchema, parseJson(answer.body));
  if (!parsed.success) return null;
  const { type, detail, has } = parsed.output;
  const isNumber = typeof has === 'number' && Number.isInteger(has) && has >= 1 && has <= LARGEST_NUMBER;
  return { code: type.slice(PROBLEM_TYPE.length), detail: oneLine(detail), has: isNumber ? has : null };
}

function commonOutcome(answer: Answer, problem: PeerProblem | null): Refused | Failed {
  const detail = describe(answer, problem);
  if (answer.status === 401 || answer.status === 403) return refused(refusalReason(problem), detail);
  if (answer.status >= 500) return failed('server-error', detail);
  if (problem === null || answer.status === 404) return refused('not-a-gateway', detail);
  return failed('bad-request', detail);
}

function refusalReason(problem: PeerProblem | null): RefusalReason {
  switch (problem?.code) {
    case 'own-data-center':
      return 'wrong-data-center';
    case 'wrong-data-center':
    case 'wrong-application':
    case 'wrong-protocol':
      return problem.code;
    default:
      return 'unauthorized';
  }
}

function notAGateway(detail: string): Refused {
  return refused('not-a-gateway', detail);
}

function describe(answer: Answer, problem: PeerProblem | null): string {
  return problem === null
    ? `It answered ${String(answer.status)}.`
    : `It answered ${String(answer.status)}: ${problem.detail}`;
}

function describeError(error: unknown, code: string): string {
  const message = error instanceof Error ? error.message : String(error);
  // Several addresses were tried, and the error that stands for all of them has no message of its own.
  return oneLine(message === '' ? code : message);
}
