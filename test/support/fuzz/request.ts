import type { Seeded } from '../soak/seeded.ts';

/** One hostile connection: what is written on it, in pieces, and how it ends. */
export interface HostileRequest {
  readonly to: 'peer' | 'local';
  /** What was done to make it hostile, for people. */
  readonly kind: string;
  readonly writes: readonly Buffer[];
  /** Whether its sender says that nothing more comes, breaks the connection off, or just waits. */
  readonly end: 'half-close' | 'reset' | 'wait';
}

/** A request of the right form, from which hostile ones are made. */
export interface Model {
  readonly to: 'peer' | 'local';
  readonly bytes: Buffer;
}

/** Cuts bytes in up to so many pieces, which travel one by one. */
export function inPieces(bytes: Buffer, most: number, random: Seeded): Buffer[] {
  const cuts = Array.from({ length: random.between(0, most - 1) }, () => random.between(0, bytes.length));
  const edges = [0, ...cuts.sort((a, b) => a - b), bytes.length];
  return edges.slice(1).flatMap((edge, index) => {
    const piece = bytes.subarray(edges[index], edge);
    return piece.length === 0 ? [] : [piece];
  });
}

export function endOf(random: Seeded): HostileRequest['end'] {
  return random.pick(['half-close', 'half-close', 'half-close', 'half-close', 'wait', 'reset']);
}

/** The text of a request; header values go out as Latin-1, as they are. */
export function requestText(
  line: string,
  headers: Readonly<Record<string, string>>,
  body: Buffer | string = '',
): Buffer {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.concat([Buffer.from(`${line} HTTP/1.1\r\n${lines.join('')}\r\n`, 'latin1'), Buffer.from(body)]);
}
