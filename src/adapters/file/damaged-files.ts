import { lstatSync, readdirSync, readFileSync, type Dirent } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { DamagedContent } from '../../ports/snapshot-store.ts';
import { isoTime } from '../../ports/clock.ts';
import { systemCode, type Disk } from './disk.ts';
import { QUARANTINE_FOLDER } from './snapshot-paths.ts';

/** What `SnapshotFiles.quarantine` leaves: `damaged-MARK-NAME` for each file, `damaged-MARK.reason` beside them. */
const DAMAGED_FILE = /^(damaged-[0-9a-f]{8})(?:\.reason$|-)/;
/** Folders looked at before other work of the process gets its turn. */
const TURN_FOLDERS = 64;
const REASON_BYTES = 1000;

interface Group {
  bytes: number;
  atMs: number;
  reason: string | null;
}

/** What lies in the quarantine because it was damaged, the oldest first. What an application rejected has a row. */
export async function listDamaged(root: string): Promise<readonly DamagedContent[]> {
  const quarantine = join(root, QUARANTINE_FOLDER);
  const groups = new Map<string, Group>();
  let folders = 0;
  for (const folder of foldersBelow(quarantine)) {
    for (const entry of entriesOf(folder)) if (entry.isFile()) noteFile(groups, quarantine, join(folder, entry.name));
    folders += 1;
    if (folders % TURN_FOLDERS === 0) await nextTurn();
  }
  return [...groups]
    .sort(([, a], [, b]) => a.atMs - b.atMs)
    .map(([id, { bytes, atMs, reason }]) => ({ id, bytes, at: isoTime(atMs), reason }));
}

function noteFile(groups: Map<string, Group>, quarantine: string, path: string): void {
  const mark = DAMAGED_FILE.exec(path.slice(dirname(path).length + 1))?.[1];
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (mark === undefined || stat === undefined) return;
  const id = relative(quarantine, join(dirname(path), mark));
  const group = groups.get(id) ?? { bytes: 0, atMs: 0, reason: null };
  groups.set(id, group);
  group.bytes += stat.size;
  // The move into the quarantine is the last change of a file's inode; its times of writing are older.
  group.atMs = Math.max(group.atMs, Math.floor(stat.ctimeMs));
  if (path.endsWith('.reason')) group.reason = readReason(path);
}

function readReason(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').slice(0, REASON_BYTES).trim();
  } catch {
    return null;
  }
}

/** Deletes the files of one damage. @param id as `listDamaged` gives it; any other is ignored */
export async function discardDamaged(disk: Disk, root: string, id: string): Promise<void> {
  const quarantine = join(root, QUARANTINE_FOLDER);
  const path = resolve(quarantine, id);
  const folder = dirname(path);
  const mark = path.slice(folder.length + 1);
  if (!path.startsWith(quarantine + sep) || DAMAGED_FILE.exec(`${mark}.reason`)?.[1] !== mark) return;
  const names = entriesOf(folder).filter(({ name }) => DAMAGED_FILE.exec(name)?.[1] === mark);
  for (const { name } of names) await disk.unlink(join(folder, name));
}

/** Every folder of a key in the quarantine: data centre, workload, origin. */
function* foldersBelow(quarantine: string): Generator<string> {
  for (const dataCenter of subfolders(quarantine))
    for (const workload of subfolders(dataCenter)) yield* subfolders(workload);
}

function subfolders(path: string): string[] {
  return entriesOf(path)
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join(path, name));
}

function entriesOf(path: string): Dirent[] {
  try {
    return readdirSync(path, { withFileTypes: true });
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw error;
  }
}
