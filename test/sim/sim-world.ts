import type { GatewaySettings } from '../../src/ports/settings.ts';
import type { Rules } from '../../src/services/rules.ts';
import { Oracle, Violation } from './oracle.ts';
import { OwnershipOracle } from './ownership-oracle.ts';
import { SimGateway, type Observer } from './sim-gateway.ts';
import { SeededRandom } from './world/random.ts';
import { Timeline } from './world/timeline.ts';
import { VirtualNetwork } from './world/virtual-network.ts';

export interface SimWorldOptions {
  readonly seed: number;
  readonly names?: readonly string[];
  /** For every gateway, and for each by its name. */
  readonly settings?: Partial<GatewaySettings>;
  readonly settingsOf?: Readonly<Record<string, Partial<GatewaySettings>>>;
  /** The core as every gateway of this world has it; a test plants a broken one. */
  readonly rules?: Rules;
  /** Records that every disk acknowledges and forgets: a fault that a test plants. */
  readonly forgets?: (record: string) => boolean;
}

/** Several gateways with their applications on a virtual network, judged after each step. */
export class SimWorld {
  readonly timeline = new Timeline();
  readonly random: SeededRandom;
  readonly network: VirtualNetwork;
  readonly gateways: readonly SimGateway[];
  readonly oracle: Oracle;
  readonly ownership: OwnershipOracle;
  readonly #seed: number;

  constructor(options: SimWorldOptions) {
    const { seed, names = ['dc1', 'dc2'], settings = {}, settingsOf = {}, rules, forgets } = options;
    this.#seed = seed;
    this.random = new SeededRandom(seed);
    this.network = new VirtualNetwork(this.timeline, this.random.fork());
    const gateways: SimGateway[] = [];
    this.oracle = new Oracle(this.timeline, gateways);
    this.ownership = new OwnershipOracle(this.timeline, gateways);
    const observer = both(this.oracle, this.ownership);
    for (const name of names) {
      gateways.push(
        new SimGateway(name, {
          network: this.network,
          random: this.random.fork(),
          observer,
          peers: names.filter((other) => other !== name),
          settings: { ...settings, ...settingsOf[name] },
          ...(rules === undefined ? {} : { rules }),
          ...(forgets === undefined ? {} : { forgets }),
        }),
      );
    }
    this.gateways = gateways;
    for (const gateway of gateways)
      gateway.application.onAccepted = (accepted) => this.ownership.accepted(gateway, accepted);
    this.timeline.onStep = () => {
      const [defect] = this.network.defects;
      if (defect !== undefined) throw new Violation(defect);
      this.oracle.check();
      this.ownership.check();
    };
  }

  gateway(name: string): SimGateway {
    const found = this.gateways.find((one) => one.name === name);
    if (found === undefined) throw new Error(`there is no ${name}`);
    return found;
  }

  /** Starts every machine and lets them find each other. */
  async begin(): Promise<void> {
    for (const gateway of this.gateways) gateway.start();
    await this.run(2000);
  }

  /** Lets so many milliseconds pass. A broken promise is thrown with the seed that replays it. */
  async run(ms: number): Promise<void> {
    try {
      await this.timeline.run(this.timeline.now + ms);
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      throw this.violated(error.message, error);
    }
  }

  /** A broken promise of this world, with the seed that replays it. */
  violated(what: string, cause?: Violation): Violation {
    return new Violation(`seed ${this.#seed}: ${what}`, { cause });
  }

  /** Every line as good as new, every machine with power, room on its disk, and running. */
  healAll(): void {
    for (const a of this.gateways) {
      for (const b of this.gateways) if (a !== b) this.network.heal(a.name, b.name);
      a.failDisk(null);
      a.resume();
      a.start();
    }
    this.network.dark.clear();
  }

  checkSettled(): void {
    this.#withSeed(() => this.oracle.checkSettled());
  }

  /** Everybody sees everybody. */
  checkAllSeen(): void {
    for (const [index, a] of this.gateways.entries()) {
      for (const b of this.gateways.slice(index + 1)) this.#withSeed(() => this.oracle.checkSeen(a.name, b.name));
    }
  }

  #withSeed(check: () => void): void {
    try {
      check();
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      throw new Violation(`seed ${this.#seed}: ${error.message}`, { cause: error });
    }
  }
}

function both(a: Observer, b: Observer): Observer {
  return {
    started: (gateway) => {
      a.started(gateway);
      b.started(gateway);
    },
    transition: (gateway, peer, to) => {
      a.transition(gateway, peer, to);
      b.transition(gateway, peer, to);
    },
    event: (gateway, event) => {
      a.event(gateway, event);
      b.event(gateway, event);
    },
    defect: (gateway, what) => {
      a.defect(gateway, what);
      b.defect(gateway, what);
    },
    arrived: (gateway, from) => {
      a.arrived(gateway, from);
      b.arrived(gateway, from);
    },
    heard: (gateway, beat) => {
      a.heard(gateway, beat);
      b.heard(gateway, beat);
    },
    sent: (gateway, machine, outcome) => {
      a.sent(gateway, machine, outcome);
      b.sent(gateway, machine, outcome);
    },
  };
}
