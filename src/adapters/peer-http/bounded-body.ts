import { parseBoundedJson, type JsonBounds } from '../../wire/bounded-json.ts';

/** The other side sent more than it may. */
export class BodyTooLong extends Error {
  constructor(maxBytes: number) {
    super(`It is longer than ${String(maxBytes)} bytes.`);
    this.name = 'BodyTooLong';
  }
}

/**
 * Reads a whole body into memory.
 *
 * @param onChunk called for every chunk, so that the caller can see progress
 * @throws BodyTooLong as soon as it is longer than `maxBytes`; what the stream throws
 */
export async function readBounded(
  content: AsyncIterable<Uint8Array>,
  maxBytes: number,
  onChunk: () => void = () => undefined,
): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of content) {
    onChunk();
    bytes += chunk.length;
    if (bytes > maxBytes) throw new BodyTooLong(maxBytes);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, bytes);
}

/** The JSON value of a body; undefined when it is no JSON, no UTF-8, nested too deep or of too many parts. */
export function parseJson(body: Uint8Array, bounds?: JsonBounds): unknown {
  const parsed = parseBoundedJson(body, bounds);
  return parsed.ok ? parsed.value : undefined;
}
