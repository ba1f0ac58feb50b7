import type { GatewayProcess, Keys } from './gateway-process.ts';
import type { Relay } from './relay.ts';
import type { Stage } from './stage.ts';

/** Short enough for a test, long enough for a machine that has other things to do. */
export const INTERVAL_MS = 200;
export const MISSES = 5;
/** Silence for this long is a death. */
export const DEATH_MS = INTERVAL_MS * MISSES;

export const FAST: Keys = {
  heartbeatExchangeInterval: INTERVAL_MS / 1000,
  consecutiveHeartbeatMissesAllowed: MISSES,
  dataSnapshotExchangeInterval: 888888888,
  httpConnectionTimeout: 1,
  httpReadTimeout: 2,
};

export interface PairOptions {
  /** For both. */
  readonly keys?: Keys;
  readonly dc1?: Keys;
  readonly dc2?: Keys;
  /** Everything between the two goes through relays, so that each way can be cut. */
  readonly isRelayed?: boolean;
  /** Where both keep everything; a folder that goes with the test when it is not given. */
  readonly folder?: string;
}

/** Two gateways, each the other's peer. */
export class Pair {
  readonly dc1: GatewayProcess;
  readonly dc2: GatewayProcess;
  readonly #relays: { readonly toDc1: Relay; readonly toDc2: Relay } | undefined;

  private constructor(
    gateways: { dc1: GatewayProcess; dc2: GatewayProcess },
    relays: { toDc1: Relay; toDc2: Relay } | undefined,
  ) {
    this.dc1 = gateways.dc1;
    this.dc2 = gateways.dc2;
    this.#relays = relays;
  }

  /** Neither is started. */
  static async create(stage: Stage, options: PairOptions = {}): Promise<Pair> {
    const folder = options.folder ?? stage.folder();
    const dc1 = await stage.gateway(
      'dc1',
      { ...FAST, remoteDataCenterName: 'dc2', ...options.keys, ...options.dc1 },
      folder,
    );
    const dc2 = await stage.gateway(
      'dc2',
      { ...FAST, remoteDataCenterName: 'dc1', ...options.keys, ...options.dc2 },
      folder,
    );
    const relays = options.isRelayed
      ? { toDc1: await stage.relay(dc1.site.peerPort), toDc2: await stage.relay(dc2.site.peerPort) }
      : undefined;
    const machines = 'remoteDataCenterApplicationMachineNames';
    dc1.keys[machines] ??= `127.0.0.1:${relays?.toDc2.port ?? dc2.site.peerPort}`;
    dc2.keys[machines] ??= `127.0.0.1:${relays?.toDc1.port ?? dc1.site.peerPort}`;
    return new Pair({ dc1, dc2 }, relays);
  }

  /** Both started, and each sees the other. */
  static async running(stage: Stage, options: PairOptions = {}): Promise<Pair> {
    const pair = await Pair.create(stage, options);
    await Promise.all([pair.dc1.start(), pair.dc2.start()]);
    await pair.untilBothUp();
    return pair;
  }

  async untilBothUp(from: { dc1: number; dc2: number } = { dc1: 0, dc2: 0 }): Promise<void> {
    await Promise.all([
      this.dc1.events.until('peer-up', () => true, from.dc1),
      this.dc2.events.until('peer-up', () => true, from.dc2),
    ]);
  }

  /** The line on which dc1's requests reach dc2. */
  get toDc2(): Relay {
    if (this.#relays === undefined) throw new Error('this pair has no relays');
    return this.#relays.toDc2;
  }

  /** The line on which dc2's requests reach dc1. */
  get toDc1(): Relay {
    if (this.#relays === undefined) throw new Error('this pair has no relays');
    return this.#relays.toDc1;
  }

  cut(): void {
    this.toDc1.cut('both');
    this.toDc2.cut('both');
  }

  heal(stalled: 'resumed' | 'lost' = 'resumed'): void {
    this.toDc1.heal(stalled);
    this.toDc2.heal(stalled);
  }
}
