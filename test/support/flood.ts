import { setMaxListeners } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** How long one that was cut waits before it comes back: a few hundred new connections a second are a flood, too. */
const COMES_BACK_MS = 4000;
/** Between two bytes of a slow one. */
const BYTE_MS = 300;
/** So many are opened at a time, as the kernel's queue of the listener is short. */
const AT_A_TIME = 100;

const SLOW_HEADER = `POST /peer/v1/messages HTTP/1.1\r\nHost: x\r\nX-Padding: ${'a'.repeat(8000)}`;
const BODY_BYTES = 60_000;
const SLOW_BODY_HEAD =
  'POST /peer/v1/messages HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n' +
  `Content-Length: ${String(BODY_BYTES)}\r\n\r\n`;

const CHATTER = 'GET /peer/v1/snapshots HTTP/1.1\r\nHost: x\r\nCrossdc-Data-Center: x\r\n\r\n'.repeat(20_000);

type Kind = 'idle' | 'slow-header' | 'slow-body' | 'chatty';

/**
 * Connections that hang: idle ones that never say a word, and slow ones that send a request a byte at a time; and chatty
 * ones, which send thousands of requests and wait for no answer. One that is cut comes back, so that there are always as
 * many as were asked for that want to be there.
 */
export class Flood {
  readonly #port: number;
  readonly #sockets = new Set<Socket>();
  readonly #over = new AbortController();
  readonly #loops: Promise<void>[] = [];
  #connected = 0;

  constructor(port: number) {
    this.#port = port;
    // Each of thousands waits for it; that is no leak.
    setMaxListeners(0, this.#over.signal);
  }

  /** How many hold a connection now, and how many there have ever been. */
  get stats(): { readonly open: number; readonly connected: number } {
    return { open: this.#sockets.size, connected: this.#connected };
  }

  /** Resolves when each of them was connected once. */
  async open(kind: Kind, many: number): Promise<void> {
    for (let begun = 0; begun < many; begun += AT_A_TIME) {
      const wave = Array.from({ length: Math.min(AT_A_TIME, many - begun) }, () => this.#one(kind));
      await Promise.all(wave);
    }
  }

  async close(): Promise<void> {
    this.#over.abort();
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(this.#loops);
  }

  #one(kind: Kind): Promise<void> {
    return new Promise((resolve) => {
      this.#loops.push(this.#hangAgain(kind, resolve));
    });
  }

  async #hangAgain(kind: Kind, onConnected: () => void): Promise<void> {
    const { signal } = this.#over;
    while (!signal.aborted) {
      await this.#hang(kind, onConnected);
      await sleep(COMES_BACK_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Until the connection is closed. */
  async #hang(kind: Kind, onConnected: () => void): Promise<void> {
    const socket = connect(this.#port, '127.0.0.1');
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    socket.resume();
    socket.once('connect', () => {
      this.#connected += 1;
      onConnected();
      if (kind === 'slow-header') void this.#trickle(socket, SLOW_HEADER);
      if (kind === 'chatty') socket.write(CHATTER);
      if (kind !== 'slow-body') return;
      socket.write(SLOW_BODY_HEAD);
      void this.#trickle(socket, ' '.repeat(BODY_BYTES));
    });
    await new Promise<void>((resolve) => socket.once('close', () => resolve()));
    this.#sockets.delete(socket);
  }

  async #trickle(socket: Socket, text: string): Promise<void> {
    for (const character of text) {
      if (socket.destroyed || socket.writableEnded) return;
      socket.write(character);
      await sleep(BYTE_MS, undefined, { signal: this.#over.signal }).catch(() => undefined);
    }
  }
}
