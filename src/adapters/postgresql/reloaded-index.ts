import type { SnapshotKey, StoredSnapshot } from '../../core/snapshot.ts';
import { SnapshotIndex } from '../storage/snapshot-index.ts';

/** A `SnapshotIndex` that can be replaced whole, with a generation that grows all the same. */
export class ReloadedIndex {
  #index = new SnapshotIndex();
  #before = 0;

  get generation(): number {
    return this.#before + this.#index.generation;
  }

  get keys(): number {
    return this.#index.keys;
  }

  rows(dataCenter?: string): readonly StoredSnapshot[] {
    return this.#index.rows(dataCenter);
  }

  rowsOf(key: SnapshotKey): readonly StoredSnapshot[] {
    return this.#index.rowsOf(key);
  }

  find(key: SnapshotKey, version: number): StoredSnapshot | undefined {
    return this.#index.find(key, version);
  }

  set(rows: readonly StoredSnapshot[]): void {
    this.#index.set(rows);
  }

  delete(key: SnapshotKey, version: number): void {
    this.#index.delete(key, version);
  }

  replace(next: SnapshotIndex): void {
    this.#before = this.generation + 1;
    this.#index = next;
  }
}
