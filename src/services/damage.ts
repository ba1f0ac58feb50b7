import type { SnapshotKey, StoredSnapshot } from '../core/snapshot.ts';
import { GatewayError } from '../errors.ts';
import type { SnapshotReader, SnapshotStore } from '../ports/snapshot-store.ts';
import type { Context } from './context.ts';
import type { EventHub } from './event-hub.ts';
import type { DamagedVersion, FoundDamage } from './found-damage.ts';
import type { StoreWatch } from './store-watch.ts';

/** Opens stored snapshots, and says of each damaged one, once, that it was found and set aside. */
export class Damage {
  readonly #context: Context;
  readonly #events: EventHub;
  readonly #watch: StoreWatch;
  readonly #names: ReadonlyMap<SnapshotStore, string>;

  constructor(
    context: Context,
    parts: { events: EventHub; watch: StoreWatch; names: ReadonlyMap<SnapshotStore, string> },
  ) {
    this.#context = context;
    this.#events = parts.events;
    this.#watch = parts.watch;
    this.#names = parts.names;
  }

  start(found: FoundDamage | undefined): void {
    found?.follow((damaged) => {
      this.#context.tasks.run('say what was damaged', () => this.#report(damaged));
    });
  }

  /** @throws GatewayError `not-found`; `snapshot-damaged` after the version was set aside and the event was raised */
  async open(store: SnapshotStore, key: SnapshotKey, version: number): Promise<SnapshotReader> {
    const name = this.#names.get(store) ?? store.kind;
    const wasLost = store.rowsOf(key).some((row) => row.version === version && row.place === 'lost');
    try {
      // That it can be read does not mean that a full disk takes anything again: only a write, or the probe, shows that.
      return await store.open(key, version);
    } catch (error) {
      this.#watch.failed(name, error);
      if (error instanceof GatewayError && error.code === 'snapshot-damaged' && !wasLost) {
        this.#context.telemetry.verificationFailed(name);
        const { dataCenter, workload, origin } = key;
        await this.#events.publish({
          type: 'snapshot-damaged',
          dataCenter,
          workload,
          origin,
          version,
          reason: error.message,
        });
      }
      throw error;
    }
  }

  /** Counts and says what a store found damaged by itself and set aside. */
  async #report({ store, key, version, reason }: DamagedVersion): Promise<void> {
    this.#context.telemetry.verificationFailed(store);
    await this.#events.publish({ type: 'snapshot-damaged', ...key, version, reason });
  }

  /** Opens what `next` names; where that is damaged, asks `next` again, which then names the version before. */
  async openNewest(
    store: SnapshotStore,
    key: SnapshotKey,
    next: () => StoredSnapshot | undefined,
  ): Promise<SnapshotReader> {
    for (;;) {
      const row = next();
      if (row === undefined)
        throw new GatewayError('not-found', `There is no snapshot of "${key.origin}" that could be offered.`, {
          field: 'origin',
        });
      try {
        return await this.open(store, key, row.version);
      } catch (error) {
        // A version that retention removed between the two looks is simply not there any more.
        const isGone =
          error instanceof GatewayError && (error.code === 'snapshot-damaged' || error.code === 'not-found');
        if (!isGone || next()?.version === row.version) throw error;
      }
    }
  }
}
