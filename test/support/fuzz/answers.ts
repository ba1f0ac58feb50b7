import { connect } from 'node:net';
import type { HostileRequest } from './request.ts';
import { toldSecrets } from '../told-secrets.ts';

/** What came back on one connection. */
export interface Answers {
  /** Status codes, in order, without 1xx. */
  readonly statuses: readonly number[];
  /** Whether one of them is a problem of type `internal`. */
  readonly hasInternal: boolean;
}

/** A connection on which nothing more comes is given up after so long; one that waits for nothing, sooner. */
const PATIENCE_MS = { 'half-close': 3000, wait: 60, reset: 5 } as const;
const ANSWER_MOST_BYTES = 4 << 20;

/** Sends one hostile request on a connection of its own, and reads what comes back until it is closed. */
export function send(request: HostileRequest, port: number): Promise<Answers> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    const chunks: Buffer[] = [];
    let bytes = 0;
    const patience = setTimeout(() => socket.destroy(), PATIENCE_MS[request.end]);
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= ANSWER_MOST_BYTES) chunks.push(chunk);
    });
    socket.once('connect', () => {
      for (const piece of request.writes) socket.write(piece);
      if (request.end === 'half-close') socket.end();
      if (request.end === 'reset') setImmediate(() => socket.resetAndDestroy());
    });
    socket.once('close', () => {
      clearTimeout(patience);
      const text = Buffer.concat(chunks).toString('latin1');
      toldSecrets.hear('an answer to a hostile request', text);
      resolve(answersIn(text));
    });
  });
}

/** Takes answers apart by their lengths: an answer that repeats what was sent is not taken for another answer. */
export function answersIn(text: string): Answers {
  const statuses: number[] = [];
  let hasInternal = false;
  for (let at = 0; at < text.length;) {
    const [head] = /^HTTP\/1\.1 [0-9]{3}[^]*?\r\n\r\n/.exec(text.slice(at)) ?? [];
    if (head === undefined) break;
    const status = Number(head.slice(9, 12));
    if (status >= 200) statuses.push(status);
    at += head.length;
    const length = Number(/\r\ncontent-length: ([0-9]+)/i.exec(head)?.[1] ?? 0);
    // An answer to HEAD has a length and no body.
    if (status < 200 || text.startsWith('HTTP/1.1 ', at)) continue;
    const body = text.slice(at, at + length);
    hasInternal ||= body.startsWith('{"type":"urn:crossdc:problem:internal"');
    at += length;
  }
  return { statuses, hasInternal };
}
