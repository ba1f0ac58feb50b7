import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { CliError } from '../../../src/cli/exit-status.ts';
import { LocalApi } from '../../../src/cli/local-api.ts';
import { KIB } from '../../../src/units.ts';

/** What the thread and the test tell each other without an event loop. */
const ASKED = 1;
const CLOSED = 2;

/** Answers the first bytes of a request while the client's thread stands still, and closes with the rest unread. */
const REFUSING = `
const { createServer } = require('node:net');
const { parentPort, workerData } = require('node:worker_threads');
const { place, answer, turn } = workerData;
const server = createServer((socket) => {
  socket.on('error', () => undefined);
  socket.once('data', () => {
    socket.pause();
    parentPort.postMessage('sending');
    Atomics.wait(turn, 0, 0);
    socket.once('close', () => {
      Atomics.store(turn, 0, ${CLOSED});
      Atomics.notify(turn, 0);
    });
    if (answer === '') socket.destroy();
    else socket.write(answer, () => socket.destroy());
  });
});
server.listen(place, () => parentPort.postMessage(server.address()));
`;

const REFUSED = 'The request is refused';
const BODY = JSON.stringify({ type: 'urn:crossdc:problem:too-large', title: REFUSED });
const REFUSAL =
  `HTTP/1.1 413 Content Too Large\r\nContent-Type: application/problem+json\r\nContent-Length: ${BODY.length}\r\n` +
  `Connection: close\r\n\r\n${BODY}`;

describe('an operator command that is refused while it sends', () => {
  let folder: string;
  beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'crossdc-late-'))));
  afterEach(() => rm(folder, { recursive: true, force: true }));

  /**
   * What a client hears that goes on sending after the connection was closed, and before it could read anything.
   * @param rest what it still has to send
   */
  async function heard(where: 'a Unix socket' | 'TCP', answer: string, rest: readonly Buffer[]): Promise<unknown> {
    const turn = new Int32Array(new SharedArrayBuffer(4));
    const socket = join(folder, 'api.sock');
    const place = where === 'TCP' ? { port: 0, host: '127.0.0.1' } : { path: socket };
    const worker = new Worker(REFUSING, { eval: true, workerData: { place, answer, turn } });
    const [address] = (await once(worker, 'message')) as [string | { port: number }];
    const isSending = once(worker, 'message');
    async function* content(): AsyncGenerator<Buffer> {
      yield Buffer.from('the beginning');
      await isSending;
      Atomics.store(turn, 0, ASKED);
      Atomics.notify(turn, 0);
      Atomics.wait(turn, 0, ASKED);
      yield* rest;
    }
    const api = new LocalApi({
      url: new URL(typeof address === 'string' ? 'http://localhost' : `http://127.0.0.1:${address.port}`),
      ...(typeof address === 'string' ? { socket } : {}),
      source: 'test',
      token: undefined,
    });
    const path = '/v1/snapshots/orders';
    const failure = await api.json({ method: 'PUT', path, content: content() }).catch((error: unknown) => error);
    await worker.terminate();
    return failure;
  }

  const rests = [
    ['the end of its body', []],
    ['a little more', [Buffer.alloc(10)]],
    ['a lot more', Array.from({ length: 64 }, () => Buffer.alloc(64 * KIB))],
  ] as const;
  for (const where of ['a Unix socket', 'TCP'] as const) {
    for (const [what, rest] of rests) {
      it(`hears the refusal over ${where} though it writes ${what} to a closed connection`, async () => {
        for (let each = 0; each < 5; each += 1) {
          const failure = await heard(where, REFUSAL, rest);
          expect(failure).to.be.instanceOf(CliError);
          expect(failure).to.include({ status: 1, message: REFUSED });
        }
      });
    }

    it(`says at once that nobody answers where the connection over ${where} closes without an answer`, async () => {
      const failure = await heard(where, '', [Buffer.alloc(64 * KIB)]);
      expect(failure).to.be.instanceOf(CliError).with.property('status', 69);
      expect(failure).to.have.property('message').that.contains('the connection was closed');
    });
  }
});
