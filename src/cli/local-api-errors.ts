import type { IncomingMessage } from 'node:http';
import { messageOf } from '../errors.ts';
import { printable } from './display-width.ts';
import { CliError, EXIT } from './exit-status.ts';
import type { Target } from './target.ts';

/** What went wrong between us and the gateway, in one line that says what to do. */

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'the connection was closed',
  EPIPE: 'the connection was closed',
  ENOTFOUND: 'the host name is unknown',
  EAI_AGAIN: 'the host name cannot be looked up now',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'no route to the network',
  ETIMEDOUT: 'the connection was not answered',
  ENOENT: 'there is no such socket',
  ENOTSOCK: 'it is no socket',
  EACCES: 'this user may not open the socket',
  EPERM: 'this user may not open the socket',
};

/** A plain HTTP listener that was greeted in TLS: which of the two, depends on the version of OpenSSL. */
const SPEAKS_NO_TLS = new Set(['EPROTO', 'ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_SSL_PACKET_LENGTH_TOO_LONG']);

/** No connection, or it broke before there was an answer. */
export function unreachable(target: Target, reason: Error | string): CliError {
  if (typeof reason !== 'string' && codeOf(reason).startsWith('HPE_'))
    return noGateway(target, 'the answer is no HTTP');
  if (typeof reason !== 'string' && SPEAKS_NO_TLS.has(codeOf(reason)))
    return noGateway(target, 'it does not speak TLS; the URL of a gateway begins with http://');
  const why = typeof reason === 'string' ? reason : (REASONS[codeOf(reason)] ?? (messageOf(reason) || codeOf(reason)));
  return new CliError(
    EXIT.unreachable,
    `no gateway answers at ${shown(target)}: ${printable(why)}. Is it running? ` +
      'Start it with "crossdc run --config FILE", or name another with --url URL or CROSSDC_URL.',
    typeof reason === 'string' ? undefined : reason,
  );
}

/** Something answers, and it is not ours. */
export function noGateway(target: Target, why: string): CliError {
  return new CliError(
    EXIT.unreachable,
    `what answers at ${shown(target)} is no gateway: ${printable(why)}. Name another with --url URL or CROSSDC_URL.`,
  );
}

/** A refusal of the gateway. */
export class ProblemError extends CliError {
  /** Of a refused change of owner: what speaks against it; undefined otherwise. */
  readonly plan: unknown;
  /** Of what was waited for and did not come in time: the answer as far as it came; undefined otherwise. */
  readonly unfinished: unknown;

  constructor(message: string, { plan, unfinished }: Pick<ParsedProblem, 'plan' | 'unfinished'>) {
    super(EXIT.failed, message);
    this.plan = plan;
    this.unfinished = unfinished;
  }
}

/** An answer that is no success: the gateway's own problem (RFC 9457), or that of something else in its place. */
export function problemError(target: Target, answer: IncomingMessage, body: string): CliError {
  const status = answer.statusCode ?? 0;
  const problem = parseProblem(body);
  if (problem === undefined) return noGateway(target, `it answered ${status} without a problem object`);
  const { title, detail, field } = problem;
  const parts = [title, detail].filter((part, index, all) => part !== '' && all.indexOf(part) === index);
  const advice = isPeerListener(answer) ? PEER_LISTENER : adviceOn(problem.type, target);
  const where = field === '' ? '' : ` (field ${field})`;
  return new ProblemError(printable(`${parts.join(': ')}${where}`) + advice, problem);
}

/** What would make the gateway answer. */
function adviceOn(type: string, target: Target): string {
  switch (type) {
    case 'urn:crossdc:problem:unauthorized':
      return tokenAdvice(target);
    case 'urn:crossdc:problem:read-only-token':
      return ` Give the one of localApiToken${target.tokenSource === undefined ? '' : `, not that of ${target.tokenSource}`}.`;
    case 'urn:crossdc:problem:forbidden-host':
      return ` Without a token the gateway answers only under its own address and port, and was asked as ${target.url.host}.`;
    default:
      return '';
  }
}

/** A token that was given and refused has to be another one, not to be given. */
function tokenAdvice({ tokenSource }: Target): string {
  return tokenSource === undefined
    ? ' Give it by CROSSDC_TOKEN or --token-file FILE.'
    : ` The one of ${tokenSource} is not the one that this gateway has.`;
}

const PEER_LISTENER = " This is the peer listener (crossDCHttpPort); the operator's commands speak to localApiPort.";

/** Only the listener for peers names itself in its answers. */
function isPeerListener(answer: IncomingMessage): boolean {
  return answer.headers['crossdc-data-center'] !== undefined;
}

/** Whether a command that retries may go on after this. */
export function isUnreachable(error: unknown): boolean {
  return error instanceof CliError && error.status === EXIT.unreachable;
}

/** Whether nobody listens there: unlike a timeout, this says that the gateway is gone, and its socket with it. */
export function isRefused(error: unknown): boolean {
  const code = error instanceof CliError && error.cause instanceof Error ? codeOf(error.cause) : '';
  return code === 'ECONNREFUSED' || code === 'ENOENT';
}

interface ParsedProblem {
  readonly type: string;
  readonly title: string;
  readonly detail: string;
  readonly field: string;
  readonly plan: unknown;
  readonly unfinished: unknown;
}

function parseProblem(body: string): ParsedProblem | undefined {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null || !('title' in value) || typeof value.title !== 'string')
    return undefined;
  const text = (name: string): string => {
    const part: unknown = (value as Record<string, unknown>)[name];
    return typeof part === 'string' ? part : '';
  };
  const plan = 'plan' in value ? value.plan : undefined;
  const unfinished = text('type') === 'urn:crossdc:problem:not-in-time' ? value : undefined;
  return { type: text('type'), title: value.title, detail: text('detail'), field: text('field'), plan, unfinished };
}

function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** The URL without what a query could carry, and who gave it. */
function shown(target: Target): string {
  if (target.socket !== undefined) return `unix:${printable(target.socket)} (${target.source})`;
  return `${target.url.origin}${target.url.pathname.replace(/\/$/, '')} (${target.source})`;
}
