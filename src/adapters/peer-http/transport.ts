import type { Clock } from '../../ports/clock.ts';
import type { InventoryOutcome, MessageOutcome, PeerTransport, TransferOutcome } from '../../ports/peer-transport.ts';
import type { PeerMessage } from '../../wire/messages.ts';
import type { SnapshotEnvelope } from '../../wire/snapshot-headers.ts';
import { MessageLine } from './message-line.ts';
import { SnapshotLine } from './snapshot-line.ts';

export interface HttpPeerTransportOptions {
  readonly clock: Clock;
  /** `httpConnectionTimeout`. */
  readonly connectionTimeoutMs: number;
  /** `httpReadTimeout`: a message's whole answer; of a snapshot, the longest time in which nothing moves. */
  readonly readTimeoutMs: number;
  /** Messages under way at once per machine (interface §5); the oldest gives way. Raising it keeps more of a cut line's connections. */
  readonly maxUnderWay?: number;
}

/** The peer protocol's client (interface §5) over HTTP: two sets of connections per machine, one for messages only. */
export class HttpPeerTransport implements PeerTransport {
  readonly #options: HttpPeerTransportOptions & { readonly maxUnderWay: number };
  readonly #messages = new Map<string, MessageLine>();
  readonly #snapshots = new Map<string, SnapshotLine>();

  constructor(options: HttpPeerTransportOptions) {
    this.#options = { ...options, maxUnderWay: options.maxUnderWay ?? 64 };
  }

  sendMessage(machine: string, message: PeerMessage, signal: AbortSignal): Promise<MessageOutcome> {
    const line = lineTo(this.#messages, machine, () => new MessageLine(machine, this.#options));
    return line.send(JSON.stringify(message), signal);
  }

  sendSnapshot(
    machine: string,
    envelope: SnapshotEnvelope,
    content: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<TransferOutcome> {
    return this.#snapshotLine(machine).send(envelope, content, signal);
  }

  inventory(machine: string, dataCenter: string, signal: AbortSignal): Promise<InventoryOutcome> {
    return this.#snapshotLine(machine).inventory(dataCenter, signal);
  }

  /** Destroys every connection; what is under way ends as `interrupted`, and so does what comes later. */
  async close(): Promise<void> {
    for (const line of this.#messages.values()) line.close();
    await Promise.all([...this.#snapshots.values()].map((line) => line.close()));
  }

  #snapshotLine(machine: string): SnapshotLine {
    return lineTo(this.#snapshots, machine, () => new SnapshotLine(machine, this.#options));
  }
}

/** Machines come from the configuration, so there are few of them. */
function lineTo<Line>(lines: Map<string, Line>, machine: string, create: () => Line): Line {
  const known = lines.get(machine);
  if (known !== undefined) return known;
  const line = create();
  lines.set(machine, line);
  return line;
}
