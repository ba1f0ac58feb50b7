import { GatewayError } from '../../../src/errors.ts';
import {
  inventoryOutcome,
  messageOutcome,
  transferOutcome,
  type Answer,
} from '../../../src/adapters/peer-http/outcomes.ts';
import type {
  Failed,
  InventoryOutcome,
  MessageOutcome,
  Destination,
  PeerTransport,
  TransferOutcome,
} from '../../../src/ports/peer-transport.ts';
import { parsePeerMessage, type PeerMessage } from '../../../src/wire/messages.ts';
import { envelopeHeaders, parseEnvelope, type SnapshotEnvelope } from '../../../src/wire/snapshot-headers.ts';
import { BrokenLine, contentOver, gathered } from './content.ts';
import { Exchange, jsonAnswer, type ExchangeOptions } from './exchange.ts';
import { machineOf, type Listener } from './virtual-network.ts';

/** Messages under way at once per machine; the oldest gives way (interface §5). */
const UNDER_WAY_MOST = 64;

/** The way from one process to its peers' machines over a virtual network: what travels is encoded and parsed as on the real one. */
export class VirtualTransport implements PeerTransport {
  readonly #options: Omit<ExchangeOptions, 'to'>;
  readonly #messages = new Map<string, Set<Exchange>>();

  constructor(options: Omit<ExchangeOptions, 'to'>) {
    this.#options = options;
  }

  async sendMessage({ machine }: Destination, message: PeerMessage, signal: AbortSignal): Promise<MessageOutcome> {
    const { network, from } = this.#options;
    const { timeline } = network;
    const startedAt = timeline.now;
    const text = JSON.stringify(message);
    const serve = (listener: Listener): Promise<Answer> => receiveMessage(listener, text, from);
    const exchange = this.#exchangeWith(machine);
    const underWay = this.#underWayTo(machine);
    const [oldest] = underWay;
    if (oldest !== undefined && underWay.size >= UNDER_WAY_MOST) oldest.fail('timeout', 'it gave way to newer ones');
    underWay.add(exchange);
    if (network.random.chance(network.link(from, machineOf(machine)).duplicates)) {
      void this.#exchangeWith(machine)
        .run(new AbortController().signal, serve)
        .catch(() => undefined);
    }
    try {
      const result = await exchange.run(signal, serve);
      return isFailed(result) ? result : messageOutcome(result, timeline.now - startedAt);
    } finally {
      underWay.delete(exchange);
    }
  }

  async sendSnapshot(
    { machine }: Destination,
    envelope: SnapshotEnvelope,
    content: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<TransferOutcome> {
    const bytes = await gathered(content);
    const headers = envelopeHeaders(envelope);
    const exchange = this.#exchangeWith(machine);
    const { network, from } = this.#options;
    const link = network.link(from, machineOf(machine));
    const result = await exchange.run(signal, async (listener) => {
      const parsed = parseEnvelope(headers, envelope.origin);
      if (!parsed.ok) throw new GatewayError('bad-request', parsed.problem, { field: parsed.field });
      const arriving = contentOver({ network, link, receiver: listener.life, exchange }, bytes);
      try {
        await listener.inbox.receiveSnapshot(parsed.value, arriving, exchange.connection);
      } catch (error) {
        if (error instanceof BrokenLine) throw new GatewayError('interrupted', error.message);
        throw error;
      }
      return jsonAnswer(200, {});
    });
    return isFailed(result) ? result : transferOutcome(result);
  }

  async inventory({ machine }: Destination, dataCenter: string, signal: AbortSignal): Promise<InventoryOutcome> {
    const result = await this.#exchangeWith(machine).run(signal, (listener) =>
      Promise.resolve().then(() => jsonAnswer(200, listener.inbox.inventory(dataCenter))),
    );
    return isFailed(result) ? result : inventoryOutcome(result);
  }

  close(): Promise<void> {
    for (const underWay of this.#messages.values())
      for (const exchange of underWay) exchange.fail('interrupted', 'closed');
    return Promise.resolve();
  }

  #exchangeWith(to: string): Exchange {
    return new Exchange({ ...this.#options, to });
  }

  #underWayTo(machine: string): Set<Exchange> {
    const known = this.#messages.get(machine);
    if (known !== undefined) return known;
    const fresh = new Set<Exchange>();
    this.#messages.set(machine, fresh);
    return fresh;
  }
}

async function receiveMessage(listener: Listener, text: string, from: string): Promise<Answer> {
  const parsed = parsePeerMessage(JSON.parse(text));
  if (parsed.kind === 'message') return jsonAnswer(200, await listener.inbox.receiveMessage(parsed.message, from));
  listener.inbox.rejected(parsed.kind, text, from);
  if (parsed.kind === 'wrong-protocol') throw new GatewayError('wrong-protocol', 'another protocol');
  throw new GatewayError('bad-request', parsed.problem, { field: parsed.field });
}

function isFailed(result: Answer | Failed): result is Failed {
  return 'kind' in result;
}
