import type { StoredSnapshot } from './snapshot.ts';

/**
 * Which versions of one key may be deleted: live ones older than the newest and its `history` predecessors.
 *
 * Never the last good version, never one that an open delivery pins, never one that is set aside, in quarantine or
 * lost: those are kept for a person.
 *
 * @param rows every stored version of one key, in any order
 * @param history how many live versions are kept besides the newest
 * @param isPinned whether an open delivery needs the version
 */
export function expendable(
  rows: readonly StoredSnapshot[],
  history: number,
  isPinned: (version: number) => boolean,
): StoredSnapshot[] {
  return rows
    .filter((row) => row.place === 'live')
    .sort((a, b) => b.version - a.version)
    .slice(1 + history)
    .filter((row) => !isPinned(row.version));
}
