import type { SnapshotKey, StoredSnapshot } from '../core/snapshot.ts';
import { GatewayError } from '../errors.ts';
import type { SnapshotReader, SnapshotStore } from '../ports/snapshot-store.ts';
import type { Context } from './context.ts';
import type { EventHub } from './event-hub.ts';
import type { DamagedVersion, FoundDamage } from './found-damage.ts';
import type { StoreWatch } from './store-watch.ts';

/** Reads stored snapshots, and says of each damaged one, once, that it was found and set aside. */
export class Damage {
  readonly #context: Context;
  readonly #events: EventHub;
  readonly #watch: StoreWatch;
  readonly #names: ReadonlyMap<SnapshotStore, string>;
  /** The rows whose loss was said. One that was filled and is lost again has another row. */
  readonly #said = new WeakSet<StoredSnapshot>();

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
  open(store: SnapshotStore, key: SnapshotKey, version: number): Promise<SnapshotReader> {
    // That it can be read does not mean that a full disk takes anything again: only a write, or the probe, shows that.
    return this.#saying(store, key, version, () => store.open(key, version));
  }

  /** As `SnapshotStore.verify`. @throws as `open`, and whatever `pace` throws */
  verify(
    store: SnapshotStore,
    key: SnapshotKey,
    version: number,
    pace: (bytes: number) => Promise<void>,
  ): Promise<void> {
    return this.#saying(store, key, version, () => store.verify(key, version, pace));
  }

  /** Does what reads a version, and says of one that turns out to be damaged that it is, whoever read it first. */
  async #saying<T>(store: SnapshotStore, key: SnapshotKey, version: number, read: () => Promise<T>): Promise<T> {
    const name = this.#names.get(store) ?? store.kind;
    const find = (): StoredSnapshot | undefined => store.rowsOf(key).find((row) => row.version === version);
    const wasLost = find()?.place === 'lost';
    try {
      return await read();
    } catch (error) {
      this.#watch.failed(name, error);
      if (error instanceof GatewayError && error.code === 'snapshot-damaged' && !wasLost) {
        const lost = find();
        // Several may read it at once, and each is told; one loss is counted and said once.
        if (lost === undefined || !this.#said.has(lost)) {
          if (lost !== undefined) this.#said.add(lost);
          await this.#report({ store: name, key, version, reason: error.message });
        }
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
