import { MIB } from '../units.ts';

/** One event of a `text/event-stream` (https://html.spec.whatwg.org/multipage/server-sent-events.html). */
export interface ServerSentEvent {
  /** null when this event has no `id:` line of its own. */
  readonly id: string | null;
  readonly event: string;
  readonly data: string;
}

/** Far above a delivery of ten thousand snapshots; a stream that never ends a line must not fill the memory. */
const EVENT_MAX_CHARACTERS = 64 * MIB;

/**
 * Takes a stream of events apart. Comments and unknown fields are passed over, and so is an event that the end of the
 * stream cuts off, as the standard says.
 *
 * @throws Error when one event is longer than 64 Mi characters
 */
export async function* parseServerSentEvents(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<ServerSentEvent> {
  const event = new PendingEvent();
  for await (const line of lines(chunks)) {
    const complete = event.take(line);
    if (complete !== null) yield complete;
  }
}

class PendingEvent {
  #id: string | null = null;
  #event = '';
  #data: string[] = [];
  #characters = 0;

  take(line: string): ServerSentEvent | null {
    if (line === '') return this.#end();
    this.#characters += line.length;
    if (this.#characters > EVENT_MAX_CHARACTERS) throw tooLong();
    const colon = line.indexOf(':');
    const name = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (name === 'data') this.#data.push(value);
    else if (name === 'event') this.#event = value;
    else if (name === 'id' && !value.includes('\0')) this.#id = value;
    return null;
  }

  #end(): ServerSentEvent | null {
    const { length } = this.#data;
    const complete = { id: this.#id, event: this.#event === '' ? 'message' : this.#event, data: this.#data.join('\n') };
    this.#id = null;
    this.#event = '';
    this.#data = [];
    this.#characters = 0;
    return length === 0 ? null : complete;
  }
}

/** Lines end in LF, CR or CRLF, and a chunk may end anywhere, also within a character. */
async function* lines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  // Pieces of a line that has not ended: joined once, so that a long line in small chunks costs no more than its length.
  let pieces: string[] = [];
  let characters = 0;
  let endedInCr = false;
  for await (const chunk of chunks) {
    let text = decoder.decode(chunk, { stream: true });
    if (text === '') continue;
    if (endedInCr && text.startsWith('\n')) text = text.slice(1);
    endedInCr = text.endsWith('\r');
    const parts = text.split(/\r\n|\n|\r/);
    const last = parts.pop() ?? '';
    for (const part of parts) {
      yield pieces.join('') + part;
      pieces = [];
      characters = 0;
    }
    pieces.push(last);
    characters += last.length;
    if (characters > EVENT_MAX_CHARACTERS) throw tooLong();
  }
}

function tooLong(): Error {
  return new Error(`an event is longer than ${EVENT_MAX_CHARACTERS} characters`);
}
