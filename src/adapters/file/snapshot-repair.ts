import { readdirSync, statSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import type { SnapshotKey, StoredSnapshot } from '../../core/snapshot.ts';
import type { Log } from '../../ports/log.ts';
import { messageOf } from '../../errors.ts';
import { MINUTE_MS } from '../../units.ts';
import { systemCode, type Disk } from './disk.ts';
import { makeRoot } from './folders.ts';
import { ignore } from '../storage/lanes.ts';
import type { SnapshotFiles } from './snapshot-files.ts';
import { keyOfSegments, parseFileName, QUARANTINE_FOLDER, TEMP_FOLDER } from './snapshot-paths.ts';
import type { Finding, Scan } from './snapshot-scan.ts';
import { unlessPassing } from './store-error.ts';

/** Something stored that cannot be used any more; told once a version, when it is found. */
export interface Damage {
  /** The version that is lost; null where there is no row that could be believed. */
  readonly snapshot: StoredSnapshot | null;
  /** Of what: without a row as the names of folder and file say it, which is a guess; null where they do not. */
  readonly version: { readonly key: SnapshotKey; readonly version: number } | null;
  /** Below the root of the store. */
  readonly path: string;
  readonly reason: string;
}

/**
 * Makes the root and our own folders in it, and clears what a crash left half-written. A disk that takes nothing now is
 * no reason to refuse what there is; the first probe that works makes the folders.
 */
export async function prepareRoot(disk: Disk, files: SnapshotFiles): Promise<void> {
  const { root } = files;
  await makeRoot(disk, root);
  await files.makeTempFolder().catch(unlessPassing);
  await disk.makeFolder(join(root, QUARANTINE_FOLDER)).catch(unlessPassing);
  for (const name of namesIn(join(root, TEMP_FOLDER))) {
    // What cannot be removed is in nobody's way: names of temp files are never used twice.
    await disk.unlink(join(root, TEMP_FOLDER, name)).catch(ignore);
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw error;
  }
}

/**
 * After so long the system has made a change of a folder durable by itself; most take seconds. Raised: more fsyncs at a
 * start that comes soon after writes; lowered: what a killed process had just written may be shown and then be lost.
 */
const SETTLED_MS = 10 * MINUTE_MS;

export interface Repair {
  readonly files: SnapshotFiles;
  readonly disk: Disk;
  readonly log: Log;
  readonly onDamage: (damage: Damage) => void;
}

/**
 * Carries out what the scan found to be needed. A repair that fails (a disk that is full or may only be read) is said
 * and left to the next start: what is in memory is right already, and a start is not refused.
 */
export async function repairStore(scan: Scan, by: Repair): Promise<void> {
  for (const finding of scan.findings) {
    try {
      tell(finding, by);
      await repair(finding, by.files);
    } catch (error) {
      by.log.warn(
        { finding: finding.kind, problem: messageOf(error) },
        'A damaged part of the store could not be put right',
      );
    }
  }
  // What a killed process had renamed may be visible and not yet durable; now it is, before anybody is told of it.
  // The folders of what was moved away come first: a name is durable where it went before it is gone where it was.
  const away = scan.rows
    .filter((row) => row.place === 'quarantined')
    .map((row) => by.files.paths(row).quarantineFolder);
  const changed = [...new Set(away), ...scan.folders].filter((folder) => isChangedLately(folder, scan.at));
  for (const folder of [...changed, ...scan.parents]) {
    await by.disk.syncFolder(folder).catch((error: unknown) => {
      by.log.warn({ problem: messageOf(error) }, 'A folder of the store could not be made durable');
    });
  }
  for (const folder of [...scan.folders, ...scan.parents]) by.files.folders.known(folder);
}

/**
 * Whether the system may not have written by itself yet what was changed in the folder. A time that is still to come tells
 * nothing, and one that cannot be read is no reason to refuse a start.
 */
function isChangedLately(folder: string, at: string): boolean {
  try {
    const ageMs = Date.parse(at) - statSync(folder).mtimeMs;
    return ageMs < SETTLED_MS;
  } catch (error) {
    return systemCode(error) !== 'ENOENT';
  }
}

async function repair(finding: Finding, files: SnapshotFiles): Promise<void> {
  switch (finding.kind) {
    case 'lost': {
      const { segments } = files.paths(finding.row);
      if (finding.files.length > 0) await files.quarantine(finding.files, segments, finding.reason);
      await files.rewrite(finding.row);
      return;
    }
    case 'damaged':
      await files.quarantine(finding.files, finding.segments, finding.reason);
      return;
    case 'orphan':
      await files.deleteOrphan(finding.path);
      return;
    case 'unsettled':
      await files.settle(finding.row);
      return;
    case 'unreadable':
      return;
  }
}

function tell(finding: Finding, by: Repair): void {
  const { root } = by.files;
  switch (finding.kind) {
    case 'lost': {
      const { key, version } = finding.row;
      const path = relative(root, by.files.paths(finding.row).bytes);
      by.log.error({ ...key, version, reason: finding.reason }, 'A stored snapshot is lost');
      by.onDamage({ snapshot: finding.row, version: { key, version }, path, reason: finding.reason });
      return;
    }
    case 'damaged': {
      const path = relative(root, join(root, ...finding.segments, basename(finding.files[0] ?? '')));
      by.log.error({ path, reason: finding.reason }, 'A damaged file of the store was moved to its quarantine');
      for (const version of versionsOf(finding)) by.onDamage({ snapshot: null, version, path, reason: finding.reason });
      return;
    }
    case 'unreadable': {
      const path = relative(root, finding.path);
      by.log.error({ path, reason: finding.reason }, 'A part of the store cannot be read and was left as it is');
      const [version = null] = finding.segments === null ? [] : versionsOf({ ...finding, files: [finding.path] });
      by.onDamage({ snapshot: null, version, path, reason: finding.reason });
      return;
    }
    case 'orphan':
      by.log.info({ path: relative(root, finding.path) }, 'Removed the bytes of a write that was cut short');
      return;
    case 'unsettled':
      return;
  }
}

/** What the files are of, each version once; one null when the names do not say it. */
function versionsOf(found: {
  readonly segments: readonly string[] | null;
  readonly files: readonly string[];
}): readonly Damage['version'][] {
  const key = keyOfSegments(found.segments ?? []);
  const versions = found.files.map((file) => parseFileName(basename(file))?.version);
  const known = [...new Set(versions)].filter((version) => version !== undefined);
  return key === null || known.length === 0 ? [null] : known.map((version) => ({ key, version }));
}
