import type { Exchange } from './exchange.ts';
import type { Life } from './life.ts';
import type { Link } from './link.ts';
import type { VirtualNetwork } from './virtual-network.ts';

/** The connection broke in the middle of a body. */
export class BrokenLine extends Error {}

/** Into how many pieces a body is cut on its way, at most. */
const PIECES = 4;

export async function gathered(content: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of content) chunks.push(chunk);
  return Buffer.concat(chunks);
}

export interface Way {
  readonly network: VirtualNetwork;
  readonly link: Link;
  readonly receiver: Life;
  readonly exchange: Exchange;
}

/**
 * The body as the receiver reads it: piece by piece as they arrive. A piece that is lost, or comes to a cut line, never
 * arrives; then the connection's end is what ends the reading.
 */
export async function* contentOver(way: Way, bytes: Buffer): AsyncGenerator<Uint8Array> {
  const { network, link, exchange } = way;
  const sent = network.random.chance(link.corruption) ? corrupted(bytes, network) : bytes;
  const breakAt = link.breakAtByte;
  const size = Math.max(1, Math.ceil(sent.length / PIECES));
  for (let start = 0; start < sent.length; start += size) {
    const end = Math.min(sent.length, start + size);
    const reach = breakAt === null ? end : Math.min(end, breakAt);
    await arrival(way, reach - start);
    if (reach > start) yield sent.subarray(start, reach);
    if (breakAt !== null && end >= breakAt) {
      exchange.breakLine(`the line broke at byte ${breakAt}`);
      throw new BrokenLine(`the line broke at byte ${breakAt}`);
    }
  }
}

function arrival(way: Way, bytes: number): Promise<void> {
  const { network, link, receiver, exchange } = way;
  const { connection } = exchange;
  return new Promise<void>((resolve, reject) => {
    const broken = (why: string) => (): void => receiver.input(() => reject(new BrokenLine(why)));
    const onEnd = broken('the sender is gone');
    if (connection.aborted) {
      onEnd();
      return;
    }
    connection.addEventListener('abort', onEnd, { once: true });
    const patience = network.timeline.after(exchange.readTimeoutMs, null, broken('nothing came for long'));
    // Lost pieces are sent again by TCP; only a line that stays cut keeps them away.
    const isLost = network.random.chance(link.loss);
    const ms = bytes / link.bytesPerMs + (isLost ? 200 : 0);
    network.timeline.after(ms, null, () => {
      if (link.isCut) return;
      patience.cancel();
      connection.removeEventListener('abort', onEnd);
      receiver.input(resolve);
    });
  });
}

function corrupted(bytes: Buffer, network: VirtualNetwork): Buffer {
  if (bytes.length === 0) return bytes;
  const copy = Buffer.from(bytes);
  const at = network.random.int(0, copy.length - 1);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}
