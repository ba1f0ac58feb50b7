import { join } from 'node:path';
import type { SnapshotKey } from '../../core/snapshot.ts';
import { pathSegment, textOfSegment } from './path-segment.ts';

/** Ours, below the root: files that are being written, and what is kept for a person. */
export const TEMP_FOLDER = '.tmp';
export const QUARANTINE_FOLDER = '.quarantine';

/** `VERSION.snapshot` and `VERSION.json`; a version has no leading zero, so that one version has one name. */
const FILE_NAME = /^([1-9]\d{0,15})\.(snapshot|json)$/;

/** Where the files of one version lie. */
export interface VersionPaths {
  /** The folder of the key, below the root, as segments and as a path. */
  readonly segments: readonly [string, string, string];
  readonly folder: string;
  /** Exactly the application's bytes, unless the row says that they are encrypted. */
  readonly bytes: string;
  /** The row: written last and removed first, it is what makes the version exist. */
  readonly row: string;
  /** Where the bytes lie while the version is in quarantine. */
  readonly quarantineFolder: string;
  readonly quarantined: string;
}

export function segmentsOf(key: SnapshotKey): [string, string, string] {
  return [pathSegment(key.dataCenter), pathSegment(key.workload), pathSegment(key.origin)];
}

/** The key whose folder this is; null when a name was cut, so that only a row could say it. */
export function keyOfSegments([first = '', second = '', third = '']: readonly string[]): SnapshotKey | null {
  const [dataCenter, workload, origin] = [first, second, third].map(textOfSegment);
  if (typeof dataCenter !== 'string' || typeof workload !== 'string' || typeof origin !== 'string') return null;
  return { dataCenter, workload, origin };
}

export function versionPaths(root: string, key: SnapshotKey, version: number): VersionPaths {
  const segments = segmentsOf(key);
  const folder = join(root, ...segments);
  const quarantineFolder = join(root, QUARANTINE_FOLDER, ...segments);
  return {
    segments,
    folder,
    bytes: join(folder, `${version}.snapshot`),
    row: join(folder, `${version}.json`),
    quarantineFolder,
    quarantined: join(quarantineFolder, `${version}.snapshot`),
  };
}

/** What a file in the folder of a key is; null when it is none of ours. */
export function parseFileName(name: string): { readonly version: number; readonly kind: 'snapshot' | 'json' } | null {
  const match = FILE_NAME.exec(name);
  if (match === null) return null;
  const version = Number(match[1]);
  if (!Number.isSafeInteger(version)) return null;
  return { version, kind: match[2] === 'json' ? 'json' : 'snapshot' };
}
