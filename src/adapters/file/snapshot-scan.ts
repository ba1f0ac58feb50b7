import { lstatSync, readdirSync, readFileSync, type Dirent } from 'node:fs';
import { join, relative } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { moved, type StoredSnapshot } from '../../core/snapshot.ts';
import { DATA_CENTER_NAME } from '../../wire/names.ts';
import { messageOf } from '../../errors.ts';
import { parseFileName, segmentsOf, versionPaths } from './snapshot-paths.ts';
import { storedBytesOf } from '../storage/encryption.ts';
import { parseRow } from '../storage/snapshot-row.ts';

/** Files looked at before other work of the process gets its turn. */
const TURN_FILES = 256;

/** What is wrong below the root, and what puts it right. Carried out by `repair`; the scan itself changes nothing. */
export type Finding =
  /** The row's bytes are missing or of another length: it is lost, and what there is goes into quarantine. */
  | { readonly kind: 'lost'; readonly row: StoredSnapshot; readonly files: readonly string[]; readonly reason: string }
  /** A row that cannot be believed, with its bytes. */
  | {
      readonly kind: 'damaged';
      readonly segments: readonly string[];
      readonly files: readonly string[];
      readonly reason: string;
    }
  /** Something could not be read; it is left where it is and not offered. `segments` when it is a row that is damaged. */
  | {
      readonly kind: 'unreadable';
      readonly path: string;
      readonly segments: readonly string[] | null;
      readonly reason: string;
    }
  /** The bytes of a write or removal that a crash cut short. */
  | { readonly kind: 'orphan'; readonly path: string }
  /** A crash came between the row and the move of its bytes. */
  | { readonly kind: 'unsettled'; readonly row: StoredSnapshot };

export interface Scan {
  readonly at: string;
  readonly rows: StoredSnapshot[];
  readonly findings: Finding[];
  /** Relative paths of what is not ours. */
  readonly foreign: string[];
  /** The folders that have folders of ours: the root, one a data centre, one a workload. */
  readonly parents: string[];
  /** The folders of keys. */
  readonly folders: string[];
}

/**
 * Reads every row below the root. `at` (RFC 3339, now) is noted in rows that turn out to be lost.
 *
 * Nothing found there makes it throw but a root that cannot be listed: what is bad is
 * a finding, and the rest is served.
 *
 * It reads synchronously, in turns: at start nothing else is under way, and for many small files this is several times
 * faster than going through the thread pool.
 */
export async function scanStore(root: string, at: string): Promise<Scan> {
  const scan: Scan = { at, rows: [], findings: [], foreign: [], parents: [root], folders: [] };
  let files = 0;
  for (const dataCenter of subfolders(scan, root, root)) {
    scan.parents.push(join(root, dataCenter));
    for (const workload of subfolders(scan, root, join(root, dataCenter))) {
      const parent = join(root, dataCenter, workload);
      scan.parents.push(parent);
      for (const origin of listed(scan, parent)) {
        if (origin.name.startsWith('.')) continue;
        const path = join(parent, origin.name);
        if (!origin.isDirectory()) {
          scan.foreign.push(relative(root, path));
          continue;
        }
        files += scanKey(scan, root, [dataCenter, workload, origin.name]);
        if (files < TURN_FILES) continue;
        files = 0;
        await nextTurn();
      }
    }
  }
  return scan;
}

/** The folders that can be a data centre's or a workload's; anything else is not ours. Names with a dot in front are. */
function subfolders(scan: Scan, root: string, path: string): string[] {
  const ours: string[] = [];
  for (const entry of listed(scan, path, root === path)) {
    if (entry.name.startsWith('.')) continue;
    if (entry.isDirectory() && DATA_CENTER_NAME.test(entry.name)) ours.push(entry.name);
    else scan.foreign.push(relative(root, join(path, entry.name)));
  }
  return ours;
}

function listed(scan: Scan, path: string, isRoot = false): Dirent[] {
  try {
    return readdirSync(path, { withFileTypes: true });
  } catch (error) {
    if (isRoot) throw error;
    scan.findings.push({ kind: 'unreadable', path, segments: null, reason: messageOf(error) });
    return [];
  }
}

/** @returns how many files were looked at */
function scanKey(scan: Scan, root: string, segments: readonly [string, string, string]): number {
  const folder = join(root, ...segments);
  const rows = new Set<number>();
  const bytes = new Set<number>();
  const entries = listed(scan, folder);
  for (const entry of entries) {
    const file = parseFileName(entry.name);
    if (file !== null && entry.isFile()) (file.kind === 'json' ? rows : bytes).add(file.version);
    else if (!entry.name.startsWith('.')) scan.foreign.push(relative(root, join(folder, entry.name)));
  }
  scan.folders.push(folder);
  for (const version of rows) scanVersion(scan, { root, segments, version });
  scanOrphans(
    scan,
    segments,
    [...bytes].filter((version) => !rows.has(version)).map((version) => join(folder, `${version}.snapshot`)),
  );
  return entries.length;
}

/**
 * A crash leaves at most one orphan a key, as one write or removal of a key runs at a time. Several are no crash of
 * ours: rows were lost or removed by somebody, and the bytes may be all that is left. They are kept.
 */
function scanOrphans(scan: Scan, segments: readonly string[], paths: readonly string[]): void {
  const [only, ...others] = paths;
  if (only === undefined) return;
  if (others.length === 0) scan.findings.push({ kind: 'orphan', path: only });
  else scan.findings.push({ kind: 'damaged', segments, files: paths, reason: 'these snapshots have no row' });
}

interface FoundVersion {
  readonly root: string;
  readonly segments: readonly [string, string, string];
  readonly version: number;
}

function scanVersion(scan: Scan, found: FoundVersion): void {
  const base = join(found.root, ...found.segments, String(found.version));
  const [rowPath, bytesPath] = [`${base}.json`, `${base}.snapshot`];
  let text: string;
  try {
    text = readFileSync(rowPath, 'utf8');
  } catch (error) {
    scan.findings.push({ kind: 'unreadable', path: rowPath, segments: found.segments, reason: messageOf(error) });
    return;
  }
  const parsed = parseRow(text);
  if (parsed.kind === 'newer') {
    scan.findings.push({ kind: 'unreadable', path: rowPath, segments: null, reason: parsed.problem });
    return;
  }
  const problem = parsed.kind === 'damaged' ? parsed.problem : misplaced(parsed.row, found);
  if (parsed.kind === 'damaged' || problem !== null) {
    const reason = `the row ${found.version}.json cannot be used: ${problem ?? ''}`;
    scan.findings.push({ kind: 'damaged', segments: found.segments, files: [rowPath, bytesPath], reason });
    return;
  }
  scan.rows.push(checkedBytes(scan, found.root, parsed.row));
}

/** The row knows its true key; a folder or file of another name was put there by somebody else. */
function misplaced(row: StoredSnapshot, found: FoundVersion): string | null {
  const isHere =
    segmentsOf(row.key).every((segment, i) => segment === found.segments[i]) && row.version === found.version;
  return isHere ? null : `it describes version ${row.version} of "${row.key.origin}" of ${row.key.dataCenter}`;
}

/** Whether the bytes are where the row says and have its length. Their digest is verified when they are opened. */
function checkedBytes(scan: Scan, root: string, row: StoredSnapshot): StoredSnapshot {
  const paths = versionPaths(root, row.key, row.version);
  const home = sizeOf(paths.bytes);
  if (row.place === 'lost') {
    // A crash in the middle of filling it again; whoever sent it was told nothing and sends it once more.
    if (home !== null) scan.findings.push({ kind: 'orphan', path: paths.bytes });
    return row;
  }
  const away = sizeOf(paths.quarantined);
  const isOut = row.place === 'quarantined';
  const [size, elsewhere] = isOut ? [away, home] : [home, away];
  const stored = storedBytesOf(row);
  if (size === stored) {
    // A move that a crash cut short may leave the bytes in both places.
    if (elsewhere !== null) scan.findings.push({ kind: 'orphan', path: isOut ? paths.bytes : paths.quarantined });
    return row;
  }
  if (size === null && elsewhere === stored) {
    scan.findings.push({ kind: 'unsettled', row });
    return row;
  }
  const files = size === null ? [] : [isOut ? paths.quarantined : paths.bytes];
  const reason = size === null ? 'its bytes are missing' : `it has ${size} of ${stored} bytes`;
  const lost = moved(row, { place: 'lost', at: scan.at, reason });
  scan.findings.push({ kind: 'lost', row: lost, files, reason });
  return lost;
}

/** null where there is no plain file. */
function sizeOf(path: string): number | null {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return stat?.isFile() === true ? stat.size : null;
}
