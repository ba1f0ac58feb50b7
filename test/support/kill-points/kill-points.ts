import { join } from 'node:path';
import { PROJECT } from '../project.ts';
import type { GatewayProcess } from '../gateway-process.ts';

const PRELOAD = join(PROJECT, 'test/support/kill-points/preload.mjs');
/**
 * Beats that come late on a busy machine change what is remembered of a peer, and what is heard of an owner, or noted of
 * one that runs, is written beside: no part of any story.
 */
const UNSETTLED = [
  'records/peers \\((up|suspect)',
  'records/ownership \\((at home\\)|.*running)',
  'records/gateway',
  'records/other',
];

/** The kill points of one gateway: which it passes, and its death at one of them. */
export class KillPoints {
  readonly #gateway: GatewayProcess;

  /** Before the gateway is started. A held store that is no folder has no temp files either. */
  constructor(gateway: GatewayProcess) {
    this.#gateway = gateway;
    const without = gateway.keys.dataSnapshotJdbcUrl === undefined ? {} : { KILL_POINTS_WITHOUT: 'held' };
    gateway.preloads = [PRELOAD];
    gateway.environment = { ...gateway.environment, KILL_POINTS_ROOT: gateway.stateFolder, ...without };
  }

  /** From now on every point is counted; at the one of this label, if any, the gateway kills itself. */
  async arm(kill: string | null): Promise<void> {
    const from = this.#gateway.said.all.length;
    this.#gateway.say({ arm: { kill, ignore: UNSETTLED } });
    await this.#gateway.said.until('the kill points are armed', (message) => has(message, 'armed'), from);
  }

  /** @returns the labels of all points that were passed since `arm`, in their order */
  async disarm(): Promise<string[]> {
    const from = this.#gateway.said.all.length;
    this.#gateway.say({ disarm: true });
    const message = await this.#gateway.said.until('what was passed', (one) => has(one, 'passed'), from);
    return (message as { passed: string[] }).passed;
  }
}

function has(message: unknown, field: string): boolean {
  return typeof message === 'object' && message !== null && field in message;
}
