import { isoTime } from '../ports/clock.ts';
import type { CertificateFacts } from '../ports/certificates.ts';
import { DAY_MS, HOUR_MS } from '../units.ts';
import type { Context } from './context.ts';
import type { EventHub } from './event-hub.ts';

/** From then on it is said once a day: long enough to renew it, whoever is on holiday. */
const WARN_MS = 30 * DAY_MS;

/** Says in time that a certificate on which the peers rely runs out. The calendar decides, as it does for the peers. */
export class CertificateWatch {
  readonly #context: Context;
  readonly #events: EventHub;
  readonly #certificates: () => readonly CertificateFacts[];
  /** When each was said last, by fingerprint. */
  readonly #said = new Map<string, number>();

  constructor(context: Context, events: EventHub, certificates: () => readonly CertificateFacts[]) {
    this.#context = context;
    this.#events = events;
    this.#certificates = certificates;
  }

  start(): void {
    this.#context.tasks.run('watch on certificates', (signal) => this.#watch(signal));
  }

  async #watch(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#look();
      await this.#context.clock.sleep(HOUR_MS, signal);
    }
  }

  async #look(): Promise<void> {
    const { clock } = this.#context;
    for (const { use, subject, fingerprint, expiresMs } of this.#certificates()) {
      const leftMs = expiresMs - clock.wallMs();
      if (leftMs > WARN_MS || clock.now() - (this.#said.get(fingerprint) ?? -Infinity) < DAY_MS) continue;
      this.#said.set(fingerprint, clock.now());
      await this.#events.publish({
        type: 'certificate-expiring',
        certificate: use,
        subject,
        expiresAt: isoTime(expiresMs),
        daysLeft: Math.floor(leftMs / DAY_MS),
      });
    }
  }
}
