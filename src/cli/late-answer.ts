import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { SECOND_MS } from '../units.ts';

/** What was answered before the connection was closed is in our own machine by then, or on its last way to it. */
const LATE_MS = 2 * SECOND_MS;

type Written = (error?: Error | null) => void;

/**
 * Lets an early refusal be read by a client that is still sending. Whoever refuses may close, and then the next write
 * fails, even the empty one at a body's end; Node.js would destroy the connection with the answer unread in it. So a
 * write that failed is told only when the answer is here, when nothing more can come, or after a bound.
 */
export function awaitAnswerAfterFailedWrite(request: ClientRequest): void {
  let answer: IncomingMessage | undefined;
  request.once('response', (response) => (answer = response));

  function hold(socket: Duplex, written: () => void): void {
    let isTold = false;
    const tell = (): void => {
      if (!isTold) written();
      isTold = true;
    };
    // Where the other end is seen to be closed, all that came before it has been read.
    socket.once('end', tell).once('close', tell);
    if (answer !== undefined) {
      tellWithEnd(answer, tell);
      return;
    }
    const timer = setTimeout(tell, LATE_MS);
    socket.once('close', () => clearTimeout(timer));
    request.once('response', (response) => {
      clearTimeout(timer);
      tellWithEnd(response, tell);
    });
  }

  request.once('socket', (socket) => {
    const patient =
      (written: Written): Written =>
      (error) => {
        if (socket.destroyed || !isClosedThere(error)) written(error);
        else hold(socket, () => written(error));
      };
    // This is where a stream is implemented, below write(), which goes on as if the bytes were still on their way.
    const write = socket._write.bind(socket);
    const writev = socket._writev?.bind(socket);
    socket._write = (chunk, encoding, written) => write(chunk, encoding, patient(written));
    if (writev !== undefined) socket._writev = (chunks, written) => writev(chunks, patient(written));
  });
}

/** The other end has closed; whatever else is wrong with a write is told at once. */
function isClosedThere(error: Error | null | undefined): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'EPIPE' || error.code === 'ECONNRESET');
}

/** Then the connection may go; it waits for nothing else. */
function tellWithEnd(answer: IncomingMessage, tell: () => void): void {
  if (answer.readableEnded || answer.closed) tell();
  else answer.once('end', tell).once('close', tell);
}
