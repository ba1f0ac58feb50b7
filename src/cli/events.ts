import { backoffMs } from '../core/backoff.ts';
import type { GatewayEvent } from '../core/events.ts';
import { messageOf } from '../errors.ts';
import { asEvent, asEvents } from './answers.ts';
import { parseCommandLine, type Command } from './command.ts';
import { renderEvent } from './event-text.ts';
import { CliError, EXIT } from './exit-status.ts';
import { isAborted, writeLine, type CliIo } from './io.ts';
import { LocalApi } from './local-api.ts';
import { isUnreachable, noGateway } from './local-api-errors.ts';
import { parseServerSentEvents, type ServerSentEvent } from './sse.ts';
import { resolveTarget, TARGET_HELP, TARGET_OPTIONS } from './target.ts';
import { MINUTE_MS } from '../units.ts';

const GRAMMAR = {
  name: 'events',
  options: { ...TARGET_OPTIONS, json: { type: 'boolean' }, follow: { type: 'boolean' } },
  positionals: [],
} as const;

const PAGE = 500;
/** How long between two attempts to come back to a gateway that went away. */
const RETRY = { firstMs: 250, mostMs: 5000 };
const STREAM_IDLE_MS = MINUTE_MS;

type Print = (event: GatewayEvent) => Promise<void>;

export const eventsCommand: Command = {
  help: `\
crossdc events [--follow] [--json]

Prints the event log, newest last.

  --follow           goes on with what happens, also over a restart of the gateway, until Ctrl-C
  --json             one JSON object a line
${TARGET_HELP}`,
  async run(argv, io) {
    const { values } = parseCommandLine(GRAMMAR, argv);
    const api = new LocalApi(await resolveTarget(values, io));
    const render = values.json === true ? (event: GatewayEvent) => JSON.stringify(event) : renderEvent;
    const print: Print = (event) => writeLine(io.stdout, render(event));
    const newest = await printLog(api, print);
    if (values.follow === true) await follow({ api, io, print }, newest);
    return EXIT.done;
  },
};

/** Prints the log as it is now, page by page. @returns the id of the last event, 0 when there is none */
async function printLog(api: LocalApi, print: Print): Promise<number> {
  let after = 0;
  for (;;) {
    const page = asEvents(api.target, await api.json({ path: `/v1/events?after=${after}&limit=${PAGE}` }));
    const before = after;
    for (const event of page) {
      await print(event);
      after = Math.max(after, event.id);
    }
    // A page need not be full; but one without anything newer is the last, also if a broken server repeats itself.
    if (after === before) return after;
  }
}

/** Follows the stream from `lastId` on until the interruption; whatever breaks, it resumes without a gap. */
async function follow({ api, io, print }: { api: LocalApi; io: CliIo; print: Print }, lastId: number): Promise<void> {
  const interrupted = io.interruption();
  let resumeFrom = lastId;
  let failures = 0;
  while (!isAborted(interrupted)) {
    let lost = 'The stream of events ended.';
    try {
      for await (const message of stream(api, resumeFrom, interrupted)) {
        if (failures > 0) await writeLine(io.stderr, 'crossdc: connected again');
        failures = 0;
        if (message === 'open') continue;
        await print(decode(api, message));
        if (message.id !== null && /^\d{1,16}$/.test(message.id)) resumeFrom = Number(message.id);
      }
    } catch (error) {
      if (isAborted(interrupted)) return;
      // A refusal (a wrong token, say) does not go away by itself.
      if (!isUnreachable(error) && !isConnectionError(error)) throw error;
      lost = isUnreachable(error) ? messageOf(error) : 'The connection to the gateway broke.';
    }
    if (isAborted(interrupted)) return;
    if (failures === 0) await writeLine(io.stderr, `crossdc: ${lost} Trying again until Ctrl-C.`);
    failures += 1;
    await io.sleep(backoffMs(failures, RETRY, Math.random()), interrupted);
  }
}

/** `open` once the gateway has taken the subscription, then its messages. */
async function* stream(api: LocalApi, after: number, signal: AbortSignal): AsyncGenerator<ServerSentEvent | 'open'> {
  const headers = { accept: 'text/event-stream', 'last-event-id': String(after) };
  const answer = await api.open({ path: '/v1/events', headers, signal });
  if (!/^text\/event-stream\b/i.test(answer.headers['content-type'] ?? '')) {
    answer.destroy();
    throw noGateway(api.target, 'it has no stream of events');
  }
  // A quiet stream has a comment line every 15 s; one without them is dead, and a new connection resumes it.
  answer.socket.setTimeout(STREAM_IDLE_MS);
  yield 'open';
  yield* parseServerSentEvents(answer as AsyncIterable<Buffer>);
}

function decode(api: LocalApi, message: ServerSentEvent): GatewayEvent {
  try {
    return asEvent(api.target, JSON.parse(message.data));
  } catch (error) {
    throw error instanceof CliError ? error : noGateway(api.target, 'its stream has an event that is no JSON');
  }
}

/** What a connection that breaks in the middle of an answer throws: ECONNRESET, ERR_STREAM_PREMATURE_CLOSE and their like. */
function isConnectionError(error: unknown): boolean {
  return error instanceof Error && 'code' in error;
}
