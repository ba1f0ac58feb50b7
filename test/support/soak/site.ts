import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { GatewayProcess } from '../gateway-process.ts';
import { Pair } from '../pair.ts';
import { PostgresServer } from '../postgres-server.ts';
import { ensureBuilt } from '../program.ts';
import type { Relay } from '../relay.ts';
import type { Stage } from '../stage.ts';
import type { Complaint } from './ledger.ts';

/** Where dc2 keeps what it holds; dc1's are files. */
export type StoreKind = 'file' | 'postgresql';

/**
 * Long enough for a short outage to be none, short enough for a long one to be a death. What was taken over goes home
 * again as soon as it can, and its application posts again.
 */
const KEYS = {
  heartbeatExchangeInterval: 0.25,
  consecutiveHeartbeatMissesAllowed: 12,
  httpConnectionTimeout: 2,
  httpReadTimeout: 5,
  numberOfHttpSenderReceiverPairs: 3,
  takeoverBlockPeriod: 0,
  failback: 'automatic',
  failbackDelay: 0.5,
  snapshotRequestTimeout: 3,
  releaseTimeout: 0.2,
};

/** A gateway that is killed on purpose, and whose every other end is a defect. */
export class Gateway {
  readonly process: GatewayProcess;
  /** Wall time of each end that was wanted. */
  readonly endsMs: number[] = [];
  readonly #complain: Complaint;
  #isWanted = false;

  constructor(process: GatewayProcess, complain: Complaint) {
    this.process = process;
    this.#complain = complain;
  }

  get name(): string {
    return this.process.name;
  }

  async start(): Promise<void> {
    const run = this.process.start();
    this.#isWanted = true;
    void this.process.ended.then((end) => {
      if (this.#isWanted) this.#complain(`${this.name} ended by itself: ${JSON.stringify(end)}`);
    });
    await run;
  }

  async kill(): Promise<void> {
    this.#isWanted = false;
    await this.process.kill9();
    this.endsMs.push(Date.now());
  }

  /** From now on its end is nobody's defect. */
  release(): void {
    this.#isWanted = false;
  }

  /** In order: it says goodbye to nobody but its own files. */
  async stop(): Promise<void> {
    this.#isWanted = false;
    const end = await this.process.stop();
    this.process.events.close();
    this.endsMs.push(Date.now());
    if (end.status !== 0) this.#complain(`${this.name} did not stop in order: ${JSON.stringify(end)}`);
  }
}

/** Two gateways, the lines between them, and the database of one. */
export class Site {
  readonly folder: string;
  readonly dc1: Gateway;
  readonly dc2: Gateway;
  readonly database: PostgresServer | null;
  readonly #pair: Pair;

  private constructor(folder: string, pair: Pair, parts: { database: PostgresServer | null; complain: Complaint }) {
    this.folder = folder;
    this.dc1 = new Gateway(pair.dc1, parts.complain);
    this.dc2 = new Gateway(pair.dc2, parts.complain);
    this.database = parts.database;
    this.#pair = pair;
  }

  /** Everything runs, and each gateway sees the other. */
  static async open(stage: Stage, at: { folder: string; store: StoreKind; complain: Complaint }): Promise<Site> {
    ensureBuilt();
    const database = at.store === 'file' ? null : await openDatabase(stage, join(at.folder, 'database'));
    const url = database === null ? {} : { dataSnapshotJdbcUrl: (await database.createDatabase()).url };
    const pair = await Pair.create(stage, { keys: KEYS, dc2: url, isRelayed: true, folder: at.folder });
    const site = new Site(at.folder, pair, { database, complain: at.complain });
    await Promise.all(site.gateways.map((gateway) => gateway.start()));
    await pair.untilBothUp();
    return site;
  }

  get gateways(): readonly [Gateway, Gateway] {
    return [this.dc1, this.dc2];
  }

  gateway(name: 'dc1' | 'dc2'): Gateway {
    return this[name];
  }

  peerOf(gateway: Gateway): Gateway {
    return gateway === this.dc1 ? this.dc2 : this.dc1;
  }

  /** The line on which requests reach the gateway. */
  lineTo(name: 'dc1' | 'dc2'): Relay {
    return name === 'dc1' ? this.#pair.toDc1 : this.#pair.toDc2;
  }

  /** Everything that the gateways said, beside what they keep, for whoever has to find out what went wrong. */
  writeLogs(): void {
    mkdirSync(this.folder, { recursive: true });
    for (const { process } of this.gateways) {
      const lines = [...process.log.all.map((line) => JSON.stringify(line)), ...process.plainLines];
      writeFileSync(join(this.folder, `${process.name}.log`), `${lines.join('\n')}\n`);
      const events = process.events.all.map(({ data }) => JSON.stringify(data));
      writeFileSync(join(this.folder, `${process.name}.events`), `${events.join('\n')}\n`);
    }
  }
}

async function openDatabase(stage: Stage, folder: string): Promise<PostgresServer> {
  mkdirSync(folder, { recursive: true });
  const database = await PostgresServer.start({ durable: true, folder });
  stage.after(() => database.dispose());
  return database;
}
