import { once } from 'node:events';
import { Agent, request, type IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { GatewayProcess } from './gateway-process.ts';

/** One poll: what it says was true at some instant between the two times. */
export interface Poll {
  readonly sentAt: number;
  readonly answeredAt: number;
  /** 0: nobody answered. */
  readonly status: number;
  readonly epoch: number;
}

const EVERY_MS = 5;

/** Polls `/primary` of a workload at several gateways, as a load balancer does, only more often. */
export class PrimaryWatch {
  readonly polls: ReadonlyMap<string, Poll[]>;
  readonly #workload: string;
  readonly #agents: Agent[] = [];
  readonly #loops: Promise<void>[];
  #isOver = false;

  constructor(gateways: readonly GatewayProcess[], workload: string) {
    this.#workload = workload;
    this.polls = new Map(gateways.map(({ name }) => [name, []]));
    this.#loops = gateways.map((gateway) => this.#watch(gateway));
  }

  /** Resolves when every gateway was polled once more. */
  async turn(): Promise<void> {
    const counts = [...this.polls.values()].map((polls) => polls.length);
    while ([...this.polls.values()].some((polls, index) => polls.length <= (counts[index] ?? 0) + 1)) await sleep(1);
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#loops);
    for (const agent of this.#agents) agent.destroy();
  }

  /** The statuses of one gateway in their order, each once for as long as it stayed. */
  story(name: string): string[] {
    const statuses = (this.polls.get(name) ?? []).map(({ status }) => status);
    return statuses.filter((status, index) => status !== statuses[index - 1]).map(String);
  }

  get count(): number {
    return [...this.polls.values()].reduce((sum, polls) => sum + polls.length, 0);
  }

  /**
   * Every proof that two were primary at one instant, or that one was after it had lost: another's 200 that began and
   * ended within an unbroken row of our 200s of one epoch, or a 200 that was asked for after a 200 of a higher epoch
   * had been answered elsewhere.
   */
  violations(): string[] {
    const found: string[] = [];
    for (const [a, mine] of this.polls) {
      const rows = unbroken(mine);
      for (const [b, theirs] of this.polls) {
        if (a === b) continue;
        for (const { sentAt, answeredAt, epoch } of theirs.filter(({ status }) => status === 200)) {
          if (rows.some((row) => row.from <= sentAt && answeredAt <= row.to)) found.push(`${a} and ${b} at ${sentAt}`);
          const late = mine.find((poll) => poll.status === 200 && poll.epoch < epoch && poll.sentAt >= answeredAt);
          if (late !== undefined)
            found.push(`${a} (epoch ${late.epoch}) at ${late.sentAt}, after ${b} (epoch ${epoch})`);
        }
      }
    }
    return found;
  }

  /** For how long nobody was seen to be primary between the last 200 of the one and the first of the other. */
  gapMs(from: string, to: string): number {
    const last = (this.polls.get(from) ?? []).findLast(({ status }) => status === 200);
    const first = (this.polls.get(to) ?? []).find(({ status }) => status === 200);
    return (first?.answeredAt ?? Infinity) - (last?.sentAt ?? -Infinity);
  }

  async #watch(gateway: GatewayProcess): Promise<void> {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    this.#agents.push(agent);
    const url = `${gateway.url}/primary?workload=${encodeURIComponent(this.#workload)}`;
    while (!this.#isOver) {
      const sentAt = performance.now();
      const { status, epoch } = await ask(url, agent);
      this.polls.get(gateway.name)?.push({ sentAt, answeredAt: performance.now(), status, epoch });
      await sleep(Math.max(0, EVERY_MS - (performance.now() - sentAt)));
    }
  }
}

/** The times through which the answers of one gateway show it as primary: from the first answer to the last question. */
function unbroken(polls: readonly Poll[]): readonly { readonly from: number; readonly to: number }[] {
  const rows: { from: number; to: number; epoch: number }[] = [];
  for (const [index, { status, epoch, sentAt, answeredAt }] of polls.entries()) {
    if (status !== 200) continue;
    const last = rows.at(-1);
    const goesOn = polls[index - 1]?.status === 200 && last?.epoch === epoch;
    if (goesOn) last.to = sentAt;
    else rows.push({ from: answeredAt, to: sentAt, epoch });
  }
  return rows;
}

async function ask(url: string, agent: Agent): Promise<{ status: number; epoch: number }> {
  try {
    const req = request(url, { agent });
    req.end();
    const [response] = (await once(req, 'response')) as [IncomingMessage];
    response.resume();
    await once(response, 'end');
    return { status: response.statusCode ?? 0, epoch: Number(response.headers['crossdc-epoch'] ?? 0) };
  } catch {
    return { status: 0, epoch: 0 };
  }
}
