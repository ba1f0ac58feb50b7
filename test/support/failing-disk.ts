import { fileURLToPath } from 'node:url';
import type { GatewayProcess } from './gateway-process.ts';

const PRELOAD = fileURLToPath(new URL('failing-disk.mjs', import.meta.url));

export type DiskCall = 'open' | 'write' | 'sync' | 'read' | 'rename';

export interface DiskFailure {
  readonly calls: readonly DiskCall[];
  /** Everything whose path begins with it. */
  readonly below: string;
  /** As the system names the error; `hang`: the call does not return before `heal`. */
  readonly code: 'EIO' | 'EDQUOT' | 'EMFILE' | 'EROFS' | 'hang';
}

/** The disk of one gateway, as far as the gateway can tell. To be made before the gateway starts; for one run of it. */
export class FailingDisk {
  readonly #gateway: GatewayProcess;
  #told = 0;

  constructor(gateway: GatewayProcess) {
    this.#gateway = gateway;
    gateway.preloads = [...gateway.preloads, PRELOAD];
  }

  fail(failure: DiskFailure): Promise<void> {
    return this.#tell({ fail: failure });
  }

  heal(): Promise<void> {
    return this.#tell({ heal: true });
  }

  async #tell(message: object): Promise<void> {
    this.#told += 1;
    const told = this.#told;
    this.#gateway.say(message);
    const isAnswer = (said: unknown): boolean => (said as { told?: number }).told === told;
    await this.#gateway.said.until('the disk is told', isAnswer);
  }
}
