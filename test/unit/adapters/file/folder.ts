import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Log } from '../../../../src/ports/log.ts';

/** A new folder for one test; `removeFolders` in an `after` hook removes them all. */
const made: string[] = [];

export function newFolder(): string {
  const path = mkdtempSync(join(tmpdir(), 'crossdc-file-'));
  made.push(path);
  return path;
}

export function removeFolders(): void {
  for (const path of made.splice(0)) rmSync(path, { recursive: true, force: true });
}

/** Every plain file below a folder, relative and sorted. */
export function filesBelow(path: string, prefix = ''): string[] {
  return readdirSync(join(path, prefix))
    .flatMap((name) => {
      const relative = prefix === '' ? name : `${prefix}/${name}`;
      return statSync(join(path, relative)).isDirectory() ? filesBelow(path, relative) : [relative];
    })
    .sort();
}

export interface Said {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly facts: Readonly<Record<string, unknown>>;
  readonly sentence: string;
}

/** A log that a test reads. */
export function recordingLog(): Log & { readonly said: Said[] } {
  const said: Said[] = [];
  const at =
    (level: Said['level']) =>
    (facts: Readonly<Record<string, unknown>>, sentence: string): void => {
      said.push({ level, facts, sentence });
    };
  return { said, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}
