import type { Clock } from '../../ports/clock.ts';
import type {
  Destination,
  InventoryOutcome,
  MessageOutcome,
  PeerTransport,
  TransferOutcome,
} from '../../ports/peer-transport.ts';
import type { PeerMessage } from '../../wire/messages.ts';
import type { SnapshotEnvelope } from '../../wire/snapshot-headers.ts';
import { PeerLink } from '../peer-auth/peer-link.ts';
import type { PeerTrust } from '../peer-auth/peer-trust.ts';
import type { TokenSession } from '../peer-auth/token-authority.ts';
import { MessageLine } from './message-line.ts';
import type { SnapshotLine } from './snapshot-line.ts';

export interface HttpPeerTransportOptions {
  readonly clock: Clock;
  readonly trust: PeerTrust;
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
  readonly #snapshots = new Map<string, Promise<SnapshotLine>>();
  /** What is known of the gateway at a machine is the same for both of its lines. */
  readonly #sessions = new Map<string, TokenSession>();

  constructor(options: HttpPeerTransportOptions) {
    this.#options = { ...options, maxUnderWay: options.maxUnderWay ?? 64 };
  }

  sendMessage(destination: Destination, message: PeerMessage, signal: AbortSignal): Promise<MessageOutcome> {
    const line = of(this.#messages, lineName(destination), () => {
      return new MessageLine(destination.machine, { ...this.#options, link: this.#link(destination) });
    });
    return line.send(JSON.stringify(message), signal);
  }

  async sendSnapshot(
    destination: Destination,
    envelope: SnapshotEnvelope,
    content: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<TransferOutcome> {
    const line = await this.#snapshotLine(destination);
    return line.send(envelope, content, signal);
  }

  async inventory(destination: Destination, dataCenter: string, signal: AbortSignal): Promise<InventoryOutcome> {
    const line = await this.#snapshotLine(destination);
    return line.inventory(dataCenter, signal);
  }

  /** Destroys every connection; what is under way ends as `interrupted`, and so does what comes later. */
  async close(): Promise<void> {
    for (const line of this.#messages.values()) line.close();
    const lines = await Promise.all(this.#snapshots.values());
    await Promise.all(lines.map((line) => line.close()));
  }

  #snapshotLine(destination: Destination): Promise<SnapshotLine> {
    return of(this.#snapshots, lineName(destination), async () => {
      // Loaded with the first snapshot: what it sends with takes a fifth of a start, and heartbeats do not need it.
      const { SnapshotLine: Line } = await import('./snapshot-line.ts');
      return new Line(destination.machine, { ...this.#options, link: this.#link(destination) });
    });
  }

  #link({ machine, dataCenter }: Destination): PeerLink {
    const session = of(this.#sessions, machine, () => ({ audience: '', challenge: '' }));
    return new PeerLink(this.#options.trust, dataCenter, session);
  }
}

/** What was connected before the peer's name was known is not used for what is meant for that name. */
function lineName({ machine, dataCenter }: Destination): string {
  return `${machine} ${dataCenter ?? ''}`;
}

/** Machines and names come from the configuration, so there are few of them. */
function of<Thing>(things: Map<string, Thing>, name: string, create: () => Thing): Thing {
  const known = things.get(name);
  if (known !== undefined) return known;
  const thing = create();
  things.set(name, thing);
  return thing;
}
