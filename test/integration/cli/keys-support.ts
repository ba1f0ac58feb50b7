import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crossdc, memoryIo, type Outcome } from './memory-io.ts';

/** A folder of its own for each test, and the commands of `crossdc keys` at the real time of day. */
export interface KeysFolder {
  path(...names: string[]): string;
  /** The permission bits, as `600`. */
  mode(...names: string[]): string;
  keys(...argv: string[]): Promise<Outcome>;
  /** As `keys`, that many days from now. */
  keysIn(days: number, ...argv: string[]): Promise<Outcome>;
}

const DAY_MS = 86_400_000;

export function useKeysFolder(): KeysFolder {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'crossdc-keys-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  const keysIn = (days: number, ...argv: string[]): Promise<Outcome> =>
    crossdc(['keys', ...argv], { ...memoryIo(), wallMs: () => Date.now() + days * DAY_MS });
  return {
    path: (...names) => join(folder, ...names),
    mode: (...names) => (statSync(join(folder, ...names)).mode & 0o777).toString(8),
    keys: (...argv) => keysIn(0, ...argv),
    keysIn,
  };
}
