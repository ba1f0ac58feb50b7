import { createConnection } from 'node:net';
import { systemCode } from './disk.ts';

export type LockState = 'acquiring' | 'holding';

/** What a claim on the state folder turned out to be. */
export type Answer =
  | { readonly kind: 'alive'; readonly state: LockState; readonly startedAt: string; readonly host: string | null }
  /** Somebody is there and says nothing in time, or nothing that we understand: never taken for dead. */
  | { readonly kind: 'silent' }
  /** The connection ended without an answer: it is on its way out, or was killed just now. The next question tells. */
  | { readonly kind: 'ending' }
  | { readonly kind: 'dead' };

/** A living process answers within milliseconds; a stopped one never. */
const ANSWER_MS = 1000;
const MOST_CHARS = 4096;

/** Connects to a claim's socket and reads its one line. Never rejects. */
export function askHolder(path: string): Promise<Answer> {
  return new Promise((resolve) => {
    let text = '';
    const socket = createConnection(path);
    // A deadline for the whole, not for each pause: a byte now and then is no answer.
    const timer = setTimeout(() => finish({ kind: 'silent' }), ANSWER_MS);
    const finish = (answer: Answer): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      text += chunk;
      if (text.includes('\n') || text.length > MOST_CHARS) finish(parseAnswer(text));
    });
    socket.on('end', () => finish(text === '' ? { kind: 'ending' } : parseAnswer(text)));
    socket.on('error', (error) => finish({ kind: kindOfFailure(systemCode(error)) }));
  });
}

function kindOfFailure(code: string | undefined): 'dead' | 'ending' | 'silent' {
  // Refused: no process listens there any more. Missing: it went in good order.
  if (code === 'ECONNREFUSED' || code === 'ENOENT' || code === 'ENOTSOCK') return 'dead';
  // We were in its queue when it closed.
  if (code === 'ECONNRESET' || code === 'EPIPE') return 'ending';
  // Anything else, such as a missing permission, does not tell whether somebody is there.
  return 'silent';
}

/** Takes untrusted text. */
function parseAnswer(text: string): Answer {
  try {
    const value: unknown = JSON.parse(text.split('\n', 1)[0] ?? '');
    if (typeof value !== 'object' || value === null || !('state' in value)) return { kind: 'silent' };
    if (value.state !== 'acquiring' && value.state !== 'holding') return { kind: 'silent' };
    return {
      kind: 'alive',
      state: value.state,
      startedAt: 'startedAt' in value && typeof value.startedAt === 'string' ? value.startedAt : 'unknown',
      host: 'host' in value && typeof value.host === 'string' ? value.host : null,
    };
  } catch {
    return { kind: 'silent' };
  }
}
