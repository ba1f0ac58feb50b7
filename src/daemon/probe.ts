import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { access, open, stat, unlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Config } from '../config/config.ts';
import { messageOf } from '../errors.ts';
import { SECOND_MS } from '../units.ts';
import { databaseOptions, databasePlace } from './held-store.ts';

/** What one thing that a gateway needs turned out to be, just now. */
export interface Probe {
  /** The key that says where it is. */
  readonly key: string;
  readonly ok: boolean;
  /** What was found; when it is not right, what to do. */
  readonly detail: string;
}

/**
 * Tries whether a gateway could work with this configuration now: each store can be written, and what it starts is there.
 * Nothing is made, and nothing stays but what was there before; a gateway that runs on the same folders is not disturbed.
 *
 * @param secretFiles the key and the path of each file that a secret was read from
 */
export async function probeWorld(
  config: Config,
  secretFiles: readonly { readonly key: string; readonly path: string }[],
): Promise<readonly Probe[]> {
  const { stateDirectory, heldDirectory, database, failoverCommand } = config;
  return Promise.all([
    probeFolder('stateDirectory', stateDirectory),
    database === null
      ? probeFolder('dataSnapshotStorageDirectory', heldDirectory)
      : probeDatabase(config.dataCenter, database),
    ...(failoverCommand === null ? [] : [probeCommand(failoverCommand)]),
    ...secretFiles.map(({ key, path }) => probeSecret(key, path)),
  ]);
}

async function probeFolder(key: string, folder: string): Promise<Probe> {
  const path = resolve(folder);
  try {
    const found = await nearest(path);
    if (!found.isFolder) return failed(key, `${found.path} is no folder; name another, or move it away`);
    await access(found.path, constants.W_OK | constants.X_OK);
    if (found.path !== path) return { key, ok: true, detail: `${path} is not there yet; it can be made` };
    await writeAndRemove(found.path);
    return { key, ok: true, detail: `${path} can be written` };
  } catch (error) {
    return failed(key, `${path} cannot be written: ${messageOf(error)}; ${adviceOf(error)}`);
  }
}

/** The path, or the nearest above it that is there. */
async function nearest(path: string): Promise<{ readonly path: string; readonly isFolder: boolean }> {
  try {
    return { path, isFolder: (await stat(path)).isDirectory() };
  } catch (error) {
    const isMissing = codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR';
    if (!isMissing || dirname(path) === path) throw error;
    return nearest(dirname(path));
  }
}

/** Under a name that a gateway leaves alone; gone again when this ends, unless the process is killed meanwhile. */
async function writeAndRemove(folder: string): Promise<void> {
  const path = join(folder, `.probe-${process.pid}-${randomBytes(4).toString('hex')}`);
  const file = await open(path, 'wx', 0o600);
  try {
    await file.write(Buffer.alloc(4096, 'crossdc '));
    await file.sync();
  } finally {
    await file.close();
    await unlink(path);
  }
}

async function probeDatabase(dataCenter: string, database: NonNullable<Config['database']>): Promise<Probe> {
  const key = 'dataSnapshotJdbcUrl';
  const { hosts, database: name, table } = databasePlace(database);
  const where = `the database ${name} at ${hosts}, table ${table}`;
  try {
    const { checkDatabase } = await import('../adapters/postgresql/check.ts');
    await checkDatabase(databaseOptions(database, dataCenter));
    return { key, ok: true, detail: `${where}, can be written` };
  } catch (error) {
    return failed(key, `${where}: ${messageOf(error)}`);
  }
}

/** What a first word may be made of so that the shell and we read it alike. */
const PLAIN_WORD = /^[A-Za-z0-9_./+:@%,-]+$/;

/** Whether the shell finds the program that the command begins with. What the command does is not tried. */
async function probeCommand(command: string): Promise<Probe> {
  const key = 'failoverCommand';
  const word = command.split(/\s+/).find((part) => !/^[A-Za-z_]\w*=/.test(part)) ?? '';
  if (!PLAIN_WORD.test(word))
    return { key, ok: true, detail: 'begins with no plain name of a program; it was not looked for' };
  if (word.includes('/')) {
    return (await isProgram(word))
      ? { key, ok: true, detail: `${word} is there and can be run` }
      : failed(key, `cannot be run: ${resolve(word)} is missing, or may not be run (chmod +x)`);
  }
  const isFound = await new Promise<boolean>((done) => {
    execFile('/bin/sh', ['-c', 'command -v -- "$1"', 'sh', word], { timeout: 5 * SECOND_MS }, (error) => {
      done(error === null);
    });
  });
  if (isFound) return { key, ok: true, detail: `${word} is there and can be run` };
  return failed(key, `cannot be run: ${word} is in no folder of PATH`);
}

/** dash says of any file that it is a command; what may be run is for the system to say. */
async function isProgram(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}

/** It was read to load the configuration; who else may read it is worth knowing. */
async function probeSecret(key: string, path: string): Promise<Probe> {
  try {
    const { mode } = await stat(path);
    const isOpen = (mode & constants.S_IROTH) !== 0;
    return { key, ok: true, detail: `${path} can be read${isOpen ? ', but by every user: chmod 600' : ''}` };
  } catch (error) {
    return failed(key, `${path} cannot be read: ${messageOf(error)}`);
  }
}

function failed(key: string, detail: string): Probe {
  return { key, ok: false, detail };
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

function adviceOf(error: unknown): string {
  switch (codeOf(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return 'make room, or name a folder on another disk';
    case 'EROFS':
      return 'mount the disk so that it can be written, or name another folder';
    case 'EACCES':
    case 'EPERM':
      return `let the user that runs the gateway write it (this was tried as user ${process.getuid?.() ?? 'unknown'})`;
    default:
      return 'look at the disk';
  }
}
