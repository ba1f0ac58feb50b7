import { readdirSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import type { StoredSnapshot } from '../../core/snapshot.ts';
import type { Log } from '../../ports/log.ts';
import { messageOf } from '../../errors.ts';
import type { Disk } from './disk.ts';
import { makeRoot } from './folders.ts';
import { ignore } from '../storage/lanes.ts';
import type { SnapshotFiles } from './snapshot-files.ts';
import { QUARANTINE_FOLDER, TEMP_FOLDER } from './snapshot-paths.ts';
import type { Finding, Scan } from './snapshot-scan.ts';

/** Something stored that cannot be used any more; told once, when it is found. */
export interface Damage {
  /** The version that is lost; null where not even that is known. */
  readonly snapshot: StoredSnapshot | null;
  /** Below the root of the store. */
  readonly path: string;
  readonly reason: string;
}

/** Makes the root and our own folders in it, and clears what a crash left half-written. */
export async function prepareRoot(disk: Disk, root: string): Promise<void> {
  await makeRoot(disk, root);
  for (const name of [TEMP_FOLDER, QUARANTINE_FOLDER]) await disk.makeFolder(join(root, name));
  for (const name of readdirSync(join(root, TEMP_FOLDER))) {
    // What cannot be removed is in nobody's way: names of temp files are never used twice.
    await disk.unlink(join(root, TEMP_FOLDER, name)).catch(ignore);
  }
}

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
  for (const parent of scan.parents) {
    await by.disk.syncFolder(parent).catch((error: unknown) => {
      by.log.warn({ problem: messageOf(error) }, 'A folder of the store could not be made durable');
    });
    by.files.folders.known(parent);
  }
  for (const folder of scan.folders) by.files.folders.known(folder);
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
      by.onDamage({ snapshot: finding.row, path, reason: finding.reason });
      return;
    }
    case 'damaged': {
      const path = relative(root, join(root, ...finding.segments, basename(finding.files[0] ?? '')));
      by.log.error({ path, reason: finding.reason }, 'A damaged file of the store was moved to its quarantine');
      by.onDamage({ snapshot: null, path, reason: finding.reason });
      return;
    }
    case 'unreadable': {
      const path = relative(root, finding.path);
      by.log.error({ path, reason: finding.reason }, 'A part of the store cannot be read and was left as it is');
      by.onDamage({ snapshot: null, path, reason: finding.reason });
      return;
    }
    case 'orphan':
      by.log.info({ path: relative(root, finding.path) }, 'Removed the bytes of a write that was cut short');
      return;
    case 'unsettled':
      return;
  }
}
