import type { PeerView } from '../../src/ports/gateway-api.ts';
import type { GatewayProcess, Keys } from './gateway-process.ts';
import { FAST } from './pair.ts';
import type { Relay } from './relay.ts';
import type { Stage } from './stage.ts';

export const TRIO = ['dc1', 'dc2', 'dc3'] as const;

/** Three gateways, each the others' peer; everything between any two goes through a line that can be cut. */
export class Trio {
  readonly dc1: GatewayProcess;
  readonly dc2: GatewayProcess;
  readonly dc3: GatewayProcess;
  /** By `from>to`: on it the requests of the one reach the other. */
  readonly #lines: ReadonlyMap<string, Relay>;

  private constructor(gateways: readonly GatewayProcess[], lines: ReadonlyMap<string, Relay>) {
    [this.dc1, this.dc2, this.dc3] = gateways as [GatewayProcess, GatewayProcess, GatewayProcess];
    this.#lines = lines;
  }

  /** None is started. */
  static async create(stage: Stage, keys: Keys = {}): Promise<Trio> {
    const folder = stage.folder();
    const gateways: GatewayProcess[] = [];
    for (const name of TRIO) gateways.push(await stage.gateway(name, { ...FAST, ...keys }, folder));
    const lines = new Map<string, Relay>();
    for (const from of gateways) {
      for (const to of gateways.filter((other) => other !== from)) {
        const line = await stage.relay(to.site.peerPort);
        lines.set(`${from.name}>${to.name}`, line);
        from.keys[`remoteDataCenterApplicationMachineNames.${to.name}`] = line.machine;
      }
    }
    return new Trio(gateways, lines);
  }

  get all(): readonly GatewayProcess[] {
    return [this.dc1, this.dc2, this.dc3];
  }

  /** All started, and each sees the others. */
  async start(): Promise<void> {
    await Promise.all(this.all.map((gateway) => gateway.start()));
    await this.untilAllSeen();
  }

  /** Each sees the others, and knows that they hear it: before that nothing is moved to them. */
  async untilAllSeen(): Promise<void> {
    const isSeen = ({ state, hearsUs }: PeerView): boolean => state === 'up' && hearsUs === true;
    for (const one of this.all)
      for (const other of this.all) if (one !== other) await one.untilPeer(other.name, 'up, and hearing it', isSeen);
  }

  others(name: string): readonly GatewayProcess[] {
    return this.all.filter((gateway) => gateway.name !== name);
  }

  /** Nothing passes any more between the two, either way. */
  cut(a: string, b: string): void {
    this.#line(a, b).cut('both');
    this.#line(b, a).cut('both');
  }

  heal(a: string, b: string): void {
    this.#line(a, b).heal();
    this.#line(b, a).heal();
  }

  #line(from: string, to: string): Relay {
    const line = this.#lines.get(`${from}>${to}`);
    if (line === undefined) throw new Error(`there is no line from ${from} to ${to}`);
    return line;
  }
}
