import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { access, lstat, open, stat, unlink } from 'node:fs/promises';
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
 * @param secretFiles the key and the path of each file with a secret in it
 */
export async function probeWorld(
  config: Config,
  secretFiles: readonly { readonly key: string; readonly path: string }[],
): Promise<readonly Probe[]> {
  const { stateDirectory, heldDirectory, database, localApiSocket, failoverCommand } = config;
  return Promise.all([
    probeFolder('stateDirectory', stateDirectory),
    database === null
      ? probeFolder('dataSnapshotStorageDirectory', heldDirectory)
      : probeDatabase(config.dataCenter, database),
    ...(localApiSocket === null ? [] : [probeSocket(localApiSocket)]),
    ...(failoverCommand === null ? [] : [probeCommand(failoverCommand)]),
    ...secretFiles.map(({ key, path }) => probeSecret(key, path)),
    ...(config.peerTls === null && config.peerKeys === null ? [] : [probeTrust(config)]),
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

/** A gateway that runs has its socket there; whether it is that one, only a start would tell. */
async function probeSocket(path: string): Promise<Probe> {
  const key = 'localApiSocket';
  const folder = dirname(path);
  try {
    const found = await lstat(path).catch((error: unknown) => {
      if (codeOf(error) === 'ENOENT') return null;
      throw error;
    });
    if (found !== null && !found.isSocket())
      return failed(key, `${path} is there and is no socket; move it away, or name another path`);
    await access(folder, constants.W_OK | constants.X_OK);
    return {
      key,
      ok: true,
      detail: `${path} ${found === null ? 'can be made' : 'is there: of a gateway, or left by one'}`,
    };
  } catch (error) {
    return failed(
      key,
      `${path} cannot be made: ${messageOf(error)}; the folder must be there, and writable for this user`,
    );
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

/** Who else may read it, the configuration has looked at; a file that is read later on may not be there yet. */
async function probeSecret(key: string, path: string): Promise<Probe> {
  try {
    await access(path, constants.R_OK);
    return { key, ok: true, detail: `${path} can be read` };
  } catch (error) {
    return failed(key, `${path} cannot be read: ${messageOf(error)}`);
  }
}

/** Whether the peers could prove themselves with what is there now. */
async function probeTrust(config: Config): Promise<Probe> {
  const key = 'peerAuth';
  try {
    const { readTrust, trustOf } = await import('../adapters/peer-auth/trust-files.ts');
    const { trustSourcesOf } = await import('./peer-trust.ts');
    const sources = trustSourcesOf(config);
    const { tls } = await trustOf(await readTrust(sources), sources, config.dataCenter);
    const own = tls?.certificates.find(({ use }) => use === 'own');
    if (own === undefined) return { key, ok: true, detail: 'the keys can be used' };
    const until = new Date(own.expiresMs).toISOString();
    if (own.expiresMs > Date.now()) return { key, ok: true, detail: `the certificate can be used, until ${until}` };
    return failed(key, `the certificate expired at ${until}; crossdc keys ca issue DC --renew makes another`);
  } catch (error) {
    return failed(key, messageOf(error));
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
