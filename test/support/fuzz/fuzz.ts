import { fileURLToPath } from 'node:url';
import { untilShown } from '../seen.ts';
import { Stage } from '../stage.ts';
import type { GatewayProcess } from '../gateway-process.ts';
import { Pair } from '../pair.ts';
import { CALM_FILES, calmFootprintOf } from '../soak/footprint.ts';
import { Seeded } from '../soak/seeded.ts';
import { freshBytes } from '../test-app.ts';
import { send, type Answers } from './answers.ts';
import { mutated } from './bytes.ts';
import { differences, fingerprintOf, type Fingerprint } from './fingerprint.ts';
import { localModels, peerModels } from './models.ts';
import type { HostileRequest } from './request.ts';
import { makeStructured } from './structured.ts';

export interface FuzzOptions {
  readonly requests: number;
  readonly seed: number;
  /** `key`: nobody has it; `none`: whatever is said is said in the name of a data centre that nobody knows. */
  readonly auth: 'key' | 'none';
  readonly tell: (line: string) => void;
}

export interface FuzzReport {
  readonly seed: number;
  readonly auth: string;
  readonly requests: number;
  readonly seconds: number;
  /** Answers by status; 0 where the connection was closed without one. */
  readonly answers: Readonly<Record<string, number>>;
  readonly heapGrewBytes: number;
  /** The longest time for which one request, or the machine, kept the gateway from everything else. */
  readonly longestPauseSeconds: number;
  readonly openFiles: { readonly before: number; readonly after: number };
  readonly problems: readonly string[];
  readonly problemCount: number;
}

const HEAP_PROBE = fileURLToPath(new URL('heap-probe.mjs', import.meta.url));
const LOCAL_TOKEN = 'the-token-of-the-local-api-in-a-fuzz-run';
const PEER_KEY = 'the-shared-key-of-the-pair-in-a-fuzz-run';
/** The machine is kept busy all the time, and a heartbeat counts as missed when it is half an interval late. */
const INTERVAL_SECONDS = 1;
/** Connections at one time. */
const AT_ONCE = 24;
/** Before the heap is measured for the first time: what is compiled and cached once is no leak. */
const WARM_UP = 0.2;
/** Raised by a fixed part, as a heap is never twice the same; a leak of 100 bytes a request shows in 100,000. */
const HEAP_SLACK_BYTES = 8 << 20;
const FILES_SLACK = 8;
/** Of one gateway in a run of a few minutes: nobody outside may fill its disk. */
const MOST_LOG_LINES = 300;
const MOST_PROBLEMS = 30;

/**
 * Sends hostile requests to both listeners of one gateway of a live pair, and looks whether anything came of it. Never
 * rejects for what it finds: that is in the report. Request number N of a seed is the same in every run.
 */
export async function fuzz(options: FuzzOptions): Promise<FuzzReport> {
  const stage = new Stage();
  try {
    return await new Run(options).all(stage);
  } finally {
    await stage.close();
  }
}

class Run {
  readonly #options: FuzzOptions;
  readonly #problems: string[] = [];
  readonly #answers: Record<string, number> = {};
  readonly #make: (index: number) => HostileRequest;
  #problemCount = 0;

  constructor(options: FuzzOptions) {
    this.#options = options;
    this.#make = maker(options.seed);
  }

  async all(stage: Stage): Promise<FuzzReport> {
    const { requests, seed, auth } = this.#options;
    const pair = await this.#pair(stage);
    const { dc1, dc2 } = pair;
    await Promise.all([
      dc1.putReplicated('orders', freshBytes(50_000)),
      dc2.putReplicated('stock', freshBytes(50_000)),
    ]);
    const startedAt = performance.now();
    const openFiles = (await calmFootprintOf(dc2, CALM_FILES)).openFiles;
    const before = await fingerprints(pair);
    const warmUp = Math.floor(requests * WARM_UP);
    await this.#send(dc2, 0, warmUp);
    const heapBefore = await heapOf(dc2);
    await this.#send(dc2, warmUp, requests);
    const after = await calmFootprintOf(dc2, openFiles + FILES_SLACK);
    const heapGrewBytes = (await heapOf(dc2)) - heapBefore;
    for (const difference of differences(before, await fingerprints(pair))) this.#complain(difference);
    if (heapGrewBytes > HEAP_SLACK_BYTES) this.#complain(`the heap grew by ${heapGrewBytes} bytes`);
    if (after.openFiles > openFiles + FILES_SLACK)
      this.#complain(`${after.openFiles} files are open, ${openFiles} were`);
    await this.#stillWorks(pair);
    return {
      ...{ seed, auth, requests, heapGrewBytes },
      longestPauseSeconds: (await dc2.status()).ownPauses.longestSeconds,
      seconds: Math.round((performance.now() - startedAt) / 1000),
      answers: this.#answers,
      openFiles: { before: openFiles, after: after.openFiles },
      problems: this.#problems,
      problemCount: this.#problemCount,
    };
  }

  async #pair(stage: Stage): Promise<Pair> {
    const trust = this.#options.auth === 'key' ? { peerSharedKey: PEER_KEY } : {};
    const keys = { heartbeatExchangeInterval: INTERVAL_SECONDS, localApiToken: LOCAL_TOKEN, ...trust };
    const pair = await Pair.create(stage, { keys });
    for (const gateway of [pair.dc1, pair.dc2]) gateway.token = LOCAL_TOKEN;
    pair.dc2.preloads = [HEAP_PROBE];
    await Promise.all([pair.dc1.start(), pair.dc2.start()]);
    await pair.untilBothUp();
    return pair;
  }

  async #send(target: GatewayProcess, from: number, to: number): Promise<void> {
    let next = from;
    const work = async (): Promise<void> => {
      while (next < to) {
        const index = next;
        next += 1;
        const request = this.#make(index);
        const { peerPort, localPort } = target.site;
        this.#judge(index, request, await send(request, request.to === 'peer' ? peerPort : localPort));
        if (index % 5000 === 4999) this.#options.tell(`${index + 1} requests`);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
  }

  #judge(index: number, request: HostileRequest, { statuses, hasInternal }: Answers): void {
    for (const status of statuses.length === 0 ? [0] : statuses)
      this.#answers[status] = (this.#answers[status] ?? 0) + 1;
    const isTaken = statuses.some((status) => status < 300) && !mayBeAnswered(request);
    if (!hasInternal && !statuses.includes(500) && !isTaken) return;
    const sent = JSON.stringify(Buffer.concat(request.writes).toString('latin1').slice(0, 600));
    this.#complain(`request ${index} (${request.to}, ${request.kind}) was answered ${statuses.join()}: ${sent}`);
  }

  async #stillWorks(pair: Pair): Promise<void> {
    const { dc1, dc2 } = pair;
    for (const [gateway, peer] of [
      [dc1, 'dc2'],
      [dc2, 'dc1'],
    ] as const) {
      const misses = await gateway.metric('crossdc_heartbeat_misses_total', { peer });
      if (misses > 0) this.#complain(`${gateway.name} missed ${misses} heartbeats`);
      const defects = gateway.log.all.filter(({ msg }) => /failed unexpectedly|^A request .* failed/.test(msg));
      for (const line of defects) this.#complain(`${gateway.name} said ${JSON.stringify(line)}`);
      const lines = gateway.log.all.length;
      if (lines > MOST_LOG_LINES) this.#complain(`${gateway.name} wrote ${lines} lines into its log`);
      for (const line of gateway.plainLines) this.#complain(`${gateway.name} wrote ${line}`);
    }
    await dc1.putReplicated('orders', freshBytes(60_000));
    await dc2.putReplicated('stock', freshBytes(60_000));
  }

  #complain(problem: string): void {
    this.#problemCount += 1;
    this.#options.tell(`PROBLEM: ${problem}`);
    if (this.#problems.length < MOST_PROBLEMS) this.#problems.push(problem);
  }
}

/** Makes request number N of a seed. Half of them are wrong in their bytes, half in what they say. */
export function maker(seed: number): (index: number) => HostileRequest {
  const peer = peerModels();
  const local = localModels(LOCAL_TOKEN);
  const structured = makeStructured(LOCAL_TOKEN);
  return (index) => {
    const random = new Seeded(`${seed}/${index}`);
    if (random.chance(0.5)) return structured(random);
    return mutated(random.chance(0.5) ? peer : local, random);
  };
}

/** Where somebody reads the local API may answer, anything else only refuse; nothing of a stranger's gets anywhere with the peer listener. */
function mayBeAnswered({ to, writes }: HostileRequest): boolean {
  return to === 'local' && /(GET|HEAD) /.test(Buffer.concat(writes).toString('latin1'));
}

async function fingerprints({ dc1, dc2 }: Pair): Promise<Fingerprint> {
  return { ...(await fingerprintOf(dc1)), ...(await fingerprintOf(dc2)) };
}

let asked = 0;

/** Bytes that are in use after everything that nobody needs was collected. */
async function heapOf(gateway: GatewayProcess): Promise<number> {
  asked += 1;
  const id = asked;
  const measure = async (): Promise<number> => {
    gateway.say({ kind: 'heap', id });
    const isIt = (said: unknown): boolean => (said as { id?: number }).id === id;
    return ((await gateway.said.until('the size of the heap', isIt)) as { bytes: number }).bytes;
  };
  // Connections that were just closed are let go a moment later.
  await untilShown('no connections', async () =>
    (await gateway.metric('process_open_fds')) <= CALM_FILES ? true : undefined,
  ).catch(() => undefined);
  return measure();
}
