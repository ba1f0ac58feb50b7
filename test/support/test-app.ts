import { createHash, randomBytes } from 'node:crypto';
import type { DeliveredSnapshot, Delivery } from '../../src/core/delivery.ts';
import type { GatewayProcess } from './gateway-process.ts';

export function sha256(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Bytes that no one has seen before and that no compression makes smaller. */
export function freshBytes(count: number): Buffer {
  return randomBytes(count);
}

/** The application beside a gateway, as far as a test needs one: it fetches what is delivered, and answers. */
export class TestApp {
  readonly #gateway: GatewayProcess;
  /** What it has absorbed, by origin. */
  readonly absorbed = new Map<string, Buffer>();

  constructor(gateway: GatewayProcess) {
    this.#gateway = gateway;
  }

  /** @throws Error unless the bytes are those that the delivery names */
  async fetch(row: DeliveredSnapshot): Promise<Buffer> {
    const answer = await this.#gateway.api(row.href);
    if (answer.status !== 200) throw new Error(`${row.href} was answered ${answer.status}: ${answer.body.toString()}`);
    if (sha256(answer.body) !== row.sha256) throw new Error(`${row.origin} came with other bytes than were announced`);
    if (answer.headers['crossdc-version'] !== String(row.version))
      throw new Error(`${row.origin} came as another version`);
    return answer.body;
  }

  /** @returns the status of the answer */
  async acknowledge(delivery: Delivery, row: DeliveredSnapshot): Promise<number> {
    const path = `/v1/deliveries/${delivery.id}/snapshots/${encodeURIComponent(row.origin)}/ack?version=${row.version}`;
    return (await this.#gateway.api(path, { method: 'POST' })).status;
  }

  /** Fetches and acknowledges everything that is still open in it. */
  async absorb(delivery: Delivery): Promise<void> {
    for (const row of delivery.snapshots.filter(({ state }) => state === 'pending')) {
      this.absorbed.set(row.origin, await this.fetch(row));
      const status = await this.acknowledge(delivery, row);
      if (status !== 204) throw new Error(`the acknowledgement of ${row.origin} was answered ${status}`);
    }
  }
}
