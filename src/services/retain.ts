import type { SnapshotKey } from '../core/snapshot.ts';
import type { SnapshotStore } from '../ports/snapshot-store.ts';
import type { Context } from './context.ts';
import type { StoreWatch } from './store-watch.ts';

/**
 * Deletes what the rules let go of one key. Nothing depends on it: a store that fails keeps the versions until the next
 * snapshot of the key is taken in.
 *
 * @param isNeeded whether a delivery or a transfer has a version in use; asked again before each removal, because that
 *   may have begun while another version was being removed
 */
export async function retain(
  context: Context,
  parts: { readonly store: SnapshotStore; readonly name: string; readonly watch: StoreWatch },
  key: SnapshotKey,
  isNeeded: (version: number) => boolean,
): Promise<void> {
  const { store, name, watch } = parts;
  try {
    for (const row of context.rules.expendable(store.rowsOf(key), context.settings.snapshotHistory, isNeeded)) {
      if (!isNeeded(row.version)) await store.remove(key, row.version);
    }
  } catch (error) {
    watch.failed(name, error);
    context.log.warn({ store: name, origin: key.origin, error: String(error) }, 'older versions could not be removed');
  }
}
