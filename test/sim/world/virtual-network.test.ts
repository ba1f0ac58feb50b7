import { createHash } from 'node:crypto';
import { expect } from 'chai';
import { GatewayError } from '../../../src/errors.ts';
import type { PeerInbox } from '../../../src/ports/peer-inbox.ts';
import type { PeerMessage } from '../../../src/wire/messages.ts';
import type { SnapshotEnvelope } from '../../../src/wire/snapshot-headers.ts';
import { Life } from './life.ts';
import { SeededRandom } from './random.ts';
import { Timeline } from './timeline.ts';
import { VirtualNetwork } from './virtual-network.ts';
import { VirtualTransport } from './virtual-transport.ts';

const never = new AbortController().signal;
const TO = 'b:25091';

function message(heartbeatCnt: number, more: Partial<PeerMessage> = {}): PeerMessage {
  return {
    heartbeatMsgType: 1,
    heartbeatCnt,
    dataCenterOrigin: 'dc1',
    applicationName: 'default',
    incarnation: 1,
    sentAt: '2026-01-01T00:00:00.000Z',
    interval: 1,
    application: { status: 'unknown' },
    lastHeard: null,
    protocol: 1,
    ...more,
  };
}

function envelope(bytes: Buffer): SnapshotEnvelope {
  return {
    heartbeatMsgType: 2,
    heartbeatCnt: 1,
    dataCenterOrigin: 'dc1',
    applicationName: 'default',
    incarnation: 1,
    workload: 'dc1',
    origin: 'orders',
    batch: null,
    description: {
      version: 1,
      bytes: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
      takenAt: '2026-01-01T00:00:00.000Z',
      position: null,
      labels: {},
      withdrawn: bytes.length === 0,
    },
  };
}

/** What a listener has seen, and an answer to everything. */
class Inbox implements PeerInbox {
  readonly counts: number[] = [];
  readonly bodies: string[] = [];
  refuse: GatewayError | null = null;

  receiveMessage(received: PeerMessage): ReturnType<PeerInbox['receiveMessage']> {
    if (this.refuse !== null) return Promise.reject(this.refuse);
    this.counts.push(received.heartbeatCnt);
    return Promise.resolve({ dataCenterOrigin: 'dc2', heartbeatCnt: 0, incarnation: 1, inventory: '' });
  }

  async receiveSnapshot(_envelope: SnapshotEnvelope, content: AsyncIterable<Uint8Array>): Promise<void> {
    let text = '';
    try {
      for await (const chunk of content) text += Buffer.from(chunk).toString();
    } catch (error) {
      this.bodies.push(`${text}!`);
      throw error;
    }
    this.bodies.push(text);
    if (this.refuse !== null) throw this.refuse;
  }

  inventory(): [] {
    return [];
  }

  rejected(): void {
    return;
  }
}

class World {
  readonly timeline = new Timeline();
  readonly network: VirtualNetwork;
  readonly a = new Life(this.timeline);
  readonly b = new Life(this.timeline);
  readonly inbox = new Inbox();
  readonly transport: VirtualTransport;
  readonly outcomes: string[] = [];

  constructor(seed = 1) {
    this.network = new VirtualNetwork(this.timeline, new SeededRandom(seed));
    this.network.listen(TO, { life: this.b, inbox: this.inbox });
    this.transport = new VirtualTransport({
      network: this.network,
      life: this.a,
      from: 'a',
      connectionTimeoutMs: 100,
      readTimeoutMs: 300,
    });
  }

  send(count = 1, signal: AbortSignal = never): void {
    this.#note(this.transport.sendMessage({ machine: TO, dataCenter: null }, message(count), signal));
  }

  ship(text: string): void {
    const bytes = Buffer.from(text);
    this.#note(
      this.transport.sendSnapshot({ machine: TO, dataCenter: null }, envelope(bytes), contentOf(bytes), never),
    );
  }

  #note(outcome: Promise<{ kind: string; reason?: string }>): void {
    outcome.then(
      ({ kind, reason }) =>
        this.outcomes.push(`${this.timeline.now} ${kind}${reason === undefined ? '' : ` ${reason}`}`),
      (error: unknown) => this.outcomes.push(`${this.timeline.now} rejected ${String(error)}`),
    );
  }
}

async function* contentOf(bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(bytes);
}

describe('a message over the virtual network', () => {
  it('is answered after the way there and back', async () => {
    const world = new World();
    world.network.link('a', 'b').latencyMs = 5;
    world.network.link('b', 'a').latencyMs = 7;
    world.send();
    await world.timeline.run(50);
    expect(world.outcomes).to.deep.equal(['12 answered']);
  });

  it('does not arrive when the way there is cut, and runs into the connection’s timeout', async () => {
    const world = new World();
    world.network.link('a', 'b').isCut = true;
    world.send();
    await world.timeline.run(500);
    expect(world.outcomes).to.deep.equal(['100 failed timeout']);
    expect(world.inbox.counts).to.deep.equal([]);
  });

  it('arrives when the way back is cut, and runs into the answer’s timeout', async () => {
    const world = new World();
    world.network.link('b', 'a').isCut = true;
    world.send();
    await world.timeline.run(500);
    expect(world.outcomes).to.deep.equal(['301 failed timeout']);
    expect(world.inbox.counts).to.deep.equal([1]);
  });

  it('is unreachable where nobody listens, and times out where there is no power', async () => {
    const world = new World();
    world.b.end();
    world.send();
    await world.timeline.run(50);
    world.network.dark.add('b');
    world.send();
    await world.timeline.run(500);
    expect(world.outcomes).to.deep.equal(['2 failed unreachable', '150 failed timeout']);
  });

  it('waits in the socket of a stopped process and is handled when that goes on', async () => {
    const world = new World();
    world.b.stop();
    world.send();
    world.timeline.at(200, null, () => world.b.resume());
    await world.timeline.run(199);
    expect(world.inbox.counts).to.deep.equal([]);
    await world.timeline.run(500);
    expect(world.outcomes).to.deep.equal(['201 answered']);
  });

  it('is handled by a process that goes on, also when its sender has given up', async () => {
    const world = new World();
    world.b.stop();
    world.send();
    world.timeline.at(1000, null, () => world.b.resume());
    await world.timeline.run(2000);
    expect(world.outcomes).to.deep.equal(['301 failed timeout']);
    expect(world.inbox.counts).to.deep.equal([1]);
  });

  it('is interrupted when the process that has it is killed', async () => {
    const world = new World();
    world.b.stop();
    world.send();
    world.timeline.at(50, null, () => world.b.end());
    await world.timeline.run(500);
    expect(world.outcomes).to.deep.equal(['51 failed interrupted']);
  });

  it('is of no consequence for a sender that was killed meanwhile', async () => {
    const world = new World();
    world.send();
    world.a.end();
    await world.timeline.run(500);
    expect(world.outcomes).to.deep.equal([]);
    expect(world.inbox.counts).to.deep.equal([1]);
  });

  it('rejects only when its sender aborts it', async () => {
    const world = new World();
    const aborter = new AbortController();
    world.b.stop();
    world.send(1, aborter.signal);
    world.timeline.at(20, null, () => aborter.abort(new Error('enough')));
    await world.timeline.run(500);
    expect(world.outcomes).to.deep.equal(['20 rejected Error: enough']);
  });

  it('has its refusals told apart as on a real line', async () => {
    const world = new World();
    const refusals: GatewayError[] = [
      new GatewayError('wrong-data-center', 'x'),
      new GatewayError('stale-incarnation', 'x', { facts: { has: 9 } }),
      new GatewayError('shutting-down', 'x'),
    ];
    for (const refusal of refusals) {
      world.inbox.refuse = refusal;
      world.send();
      await world.timeline.run(world.timeline.now + 10);
    }
    expect(world.outcomes.map((outcome) => outcome.replace(/^\S+ /, ''))).to.deep.equal([
      'refused wrong-data-center',
      'stale',
      'failed server-error',
    ]);
  });

  it('gives way to newer ones when too many are unanswered', async () => {
    const world = new World();
    world.b.stop();
    for (let count = 1; count <= 65; count += 1) world.send(count);
    await world.timeline.run(10);
    expect(world.outcomes).to.deep.equal(['0 failed timeout']);
  });

  it('is lost, doubled and overtaken as often as the line is told to', async () => {
    const world = new World(5);
    Object.assign(world.network.link('a', 'b'), { loss: 0.3, duplicates: 0.2, latencyMs: 10, jitterMs: 80 });
    for (let count = 1; count <= 2000; count += 1) {
      world.send(count);
      await world.timeline.run(world.timeline.now + 10);
    }
    await world.timeline.run(world.timeline.now + 500);
    const { counts } = world.inbox;
    expect(new Set(counts).size / 2000).to.be.within(0.7, 0.8);
    expect(counts.length / new Set(counts).size).to.be.within(1.05, 1.2);
    expect(counts.some((count, index) => count < (counts[index - 1] ?? 0))).to.equal(true);
  });
});

describe('a snapshot over the virtual network', () => {
  it('arrives whole, in pieces, after as long as its size takes', async () => {
    const world = new World();
    world.network.link('a', 'b').bytesPerMs = 1;
    world.ship('0123456789');
    await world.timeline.run(50);
    expect(world.inbox.bodies).to.deep.equal(['0123456789']);
    expect(world.outcomes).to.deep.equal(['12 stored']);
  });

  for (let at = 0; at <= 10; at += 1) {
    it(`is cut off at byte ${at}, and both sides notice`, async () => {
      const world = new World();
      world.network.link('a', 'b').breakAtByte = at;
      world.ship('0123456789');
      await world.timeline.run(500);
      expect(world.inbox.bodies).to.deep.equal([`${'0123456789'.slice(0, at)}!`]);
      expect(world.outcomes.map((outcome) => outcome.replace(/^\S+ /, ''))).to.deep.equal(['failed interrupted']);
    });
  }

  it('ends for the receiver when the sender is killed', async () => {
    const world = new World();
    world.network.link('a', 'b').bytesPerMs = 0.1;
    world.ship('0123456789');
    world.timeline.at(50, null, () => world.a.end());
    await world.timeline.run(500);
    expect(world.inbox.bodies).to.deep.equal(['0123!'.slice(0, -1).slice(0, 3) + '!']);
    expect(world.outcomes).to.deep.equal([]);
  });

  it('ends for both by their timeouts when the line is cut under it', async () => {
    const world = new World();
    world.network.link('a', 'b').bytesPerMs = 0.1;
    world.ship('0123456789');
    world.timeline.at(50, null, () => world.network.cut('a', 'b'));
    await world.timeline.run(1000);
    expect(world.outcomes).to.deep.equal(['301 failed timeout']);
    expect(world.inbox.bodies).to.deep.equal(['012!']);
  });

  it('is flipped in one bit where the line corrupts', async () => {
    const world = new World();
    world.network.link('a', 'b').corruption = 1;
    world.ship('0123456789');
    await world.timeline.run(50);
    expect(world.inbox.bodies[0]).to.have.length(10);
    expect(world.inbox.bodies[0]).not.to.equal('0123456789');
  });

  it('is answered with what the receiver says of it', async () => {
    const world = new World();
    world.inbox.refuse = new GatewayError('version-older', 'x', { facts: { has: 7 } });
    world.ship('x');
    await world.timeline.run(50);
    world.inbox.refuse = new GatewayError('store-full', 'x');
    world.ship('x');
    await world.timeline.run(100);
    expect(world.outcomes.map((outcome) => outcome.replace(/^\S+ /, ''))).to.deep.equal([
      'not-newer',
      'failed store-full',
    ]);
  });
});

describe('the whole virtual world', () => {
  async function traceOf(seed: number): Promise<string[]> {
    const world = new World(seed);
    const random = new SeededRandom(seed);
    world.network.between('a', 'b', { loss: 0.2, jitterMs: 50, duplicates: 0.1, corruption: 0.2, bytesPerMs: 1 });
    for (let count = 1; count <= 200; count += 1) {
      if (random.chance(0.3)) world.ship('x'.repeat(random.int(0, 40)));
      else world.send(count);
      if (random.chance(0.1)) world.b.stop();
      if (random.chance(0.3)) world.b.resume();
      await world.timeline.run(world.timeline.now + random.int(1, 30));
    }
    await world.timeline.run(world.timeline.now + 1000);
    return [...world.outcomes, ...world.inbox.counts.map(String), ...world.inbox.bodies];
  }

  it('does the same again with the same seed, and something else with another', async () => {
    const first = await traceOf(11);
    expect(await traceOf(11)).to.deep.equal(first);
    expect(await traceOf(12)).not.to.deep.equal(first);
    expect(first.length).to.be.greaterThan(300);
  });
});
