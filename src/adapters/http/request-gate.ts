import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { GatewayError } from '../../errors.ts';

/** What one request, one connection and all of them together may take up before anybody looks at what they want. */
export interface RequestBounds {
  /** Header lines of a request; their bytes are bounded by the parser. */
  readonly headerLines: number;
  /** Characters of the path and query. The longest that we know, an origin in percent signs, has 700. */
  readonly targetChars: number;
  /**
   * Requests under way on one connection, and requests that come on it at one moment. Our clients wait for each answer.
   * Who does not could send thousands in one piece, and everybody else would wait until all of them are refused.
   */
  readonly requestsPerConnection: number;
  /** Requests under way in all. */
  readonly requests: number;
}

export const DEFAULT_REQUEST_BOUNDS: RequestBounds = {
  headerLines: 100,
  targetChars: 2048,
  requestsPerConnection: 4,
  requests: 1024,
};

/** Two readers could take two different ones of a repeated header for the right one; so nobody may repeat these. */
const SINGLE: ReadonlySet<string> = new Set([
  'authorization',
  'content-encoding',
  'content-length',
  'content-range',
  'content-type',
  'expect',
  'host',
  'last-event-id',
  'origin',
  'range',
  'sec-fetch-site',
  'transfer-encoding',
]);
const OURS = 'crossdc-';

interface Connection {
  /** Which it waits for. */
  readonly answers: Set<ServerResponse>;
  /** How many requests came in the turn of the event loop in which the last one came. */
  inTurn: number;
  turn: number;
}

/**
 * The first judge of every request of a listener. It knows nothing of what a request is for, keeps nothing of it, and
 * needs no more time for a hostile one than for a good one.
 */
export class RequestGate {
  readonly #bounds: RequestBounds;
  readonly #connections = new WeakMap<Socket, Connection>();
  #underWay = 0;
  #turn = 0;
  #isTurnEnding = false;

  constructor(bounds: RequestBounds) {
    this.#bounds = bounds;
  }

  get underWay(): number {
    return this.#underWay;
  }

  /**
   * To be called first, and once for each request.
   *
   * @returns null: it may go on; an error: to be answered with it; `cut`: its connection was destroyed, as it sends
   *   requests without waiting for answers, and none of them is answered any more
   */
  enter(request: IncomingMessage, response: ServerResponse): GatewayError | 'cut' | null {
    const { socket } = request;
    // What was in one piece with a request that had its connection cut still comes.
    if (socket.destroyed) return 'cut';
    const { answers, inTurn } = this.#noteRequest(socket);
    if (Math.max(answers.size + 1, inTurn) > this.#bounds.requestsPerConnection) {
      socket.destroy();
      return 'cut';
    }
    answers.add(response);
    this.#underWay += 1;
    response.once('close', () => {
      if (answers.delete(response)) this.#underWay -= 1;
    });
    if (this.#underWay > this.#bounds.requests) return new GatewayError('busy', 'Too many requests are under way.');
    return refusalOf(request, this.#bounds);
  }

  #noteRequest(socket: Socket): Connection {
    const connection = this.#connections.get(socket) ?? this.#connect(socket);
    const turn = this.#presentTurn();
    connection.inTurn = connection.turn === turn ? connection.inTurn + 1 : 1;
    connection.turn = turn;
    return connection;
  }

  #connect(socket: Socket): Connection {
    const connection: Connection = { answers: new Set(), inTurn: 0, turn: 0 };
    this.#connections.set(socket, connection);
    socket.once('close', () => process.nextTick(closeForgotten, connection.answers));
    return connection;
  }

  /** A number for all that is read from the connections before anything else gets its turn. */
  #presentTurn(): number {
    if (!this.#isTurnEnding) {
      this.#isTurnEnding = true;
      setImmediate(() => {
        this.#isTurnEnding = false;
        this.#turn += 1;
      });
    }
    return this.#turn;
  }
}

/**
 * An answer that waits behind another one when their connection breaks is never told so by Node.js; whoever works for
 * it would go on, and keep what it holds, for ever.
 */
function closeForgotten(answers: ReadonlySet<ServerResponse>): void {
  for (const answer of answers) {
    if (answer.closed) continue;
    answer.destroy();
    answer.emit('close');
  }
}

function refusalOf({ rawHeaders, url = '' }: IncomingMessage, bounds: RequestBounds): GatewayError | null {
  if (rawHeaders.length > 2 * bounds.headerLines) {
    return new GatewayError('headers-too-large', `A request has at most ${String(bounds.headerLines)} header lines.`);
  }
  if (url.length > bounds.targetChars) {
    const detail = `The path and query have at most ${String(bounds.targetChars)} characters.`;
    return new GatewayError('bad-request', detail, { field: 'path' });
  }
  const repeated = repeatedHeader(rawHeaders);
  if (repeated === null) return null;
  return new GatewayError('bad-request', `The header ${repeated} was given more than once.`, { field: repeated });
}

/** The name of a header that decides something and was given twice; null when there is none. */
function repeatedHeader(rawHeaders: readonly string[]): string | null {
  const seen = new Set<string>();
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = (rawHeaders[at] ?? '').toLowerCase();
    if (!SINGLE.has(name) && !name.startsWith(OURS)) continue;
    if (seen.has(name)) return name;
    seen.add(name);
  }
  return null;
}

/**
 * Cuts a client that takes nothing of its complete answer for so long, which would otherwise stay in our memory until
 * the client goes. What streams has its own patience until its end.
 */
export function cutSlowReader(request: IncomingMessage, response: ServerResponse, stallMs: number): void {
  // Emitted when the answer is complete here; when it is on its way, Node.js sets the time of an idle connection.
  response.once('prefinish', () => request.socket.setTimeout(stallMs));
}
