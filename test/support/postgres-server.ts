import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { escapeIdentifier, escapeLiteral } from 'pg';
import { freePorts } from './ports.ts';
import { asUser, findServerPrograms, runnable, serverUser, temporaryRoot } from './postgres-programs.ts';
import type { ProgramSource, ServerPrograms, ServerUser } from './postgres-programs.ts';
import { ADMINISTRATOR, createDatabase, queryOnce, serverAt } from './test-database.ts';
import type { DatabaseOptions, SharedServer, TestDatabase } from './test-database.ts';
import { ProcessLeash, type ProgramEnd } from './process-leash.ts';

/** An ordinary user, as an operator would give to a gateway; its password shows who forgets to encode or to hide it. */
export const DATABASE_USER = { name: 'crossdc', password: 'p@ss/w:rd ?#%&' } as const;

/** How long a server may take to start or to stop on a machine that has a lot else to do. */
const PATIENCE_MS = 60_000;
const POLL_MS = 10;
/** A port that was free may be taken before the server has it; more attempts would hide another fault. */
const PORT_ATTEMPTS = 5;

/** Nothing is worth waiting for the disk that goes with the tests. What was committed is with the kernel all the same. */
const HASTY: Settings = { fsync: 'off', full_page_writes: 'off' };
const SMALL: Settings = { max_connections: '50', shared_buffers: '16MB', dynamic_shared_memory_type: 'mmap' };

type Settings = Readonly<Record<string, string>>;

export interface ServerOptions {
  /** As it is run in earnest: what was committed survives a loss of power. Without it, the death of its processes alone. */
  readonly durable?: boolean;
  /** Settings of postgresql.conf; see `configure`. */
  readonly config?: Settings;
  /** Files in the data folder that only the server's user may read, by name: certificates, keys. */
  readonly files?: Readonly<Record<string, string>>;
  /** Lines of pg_hba.conf before ours. */
  readonly hba?: readonly string[];
  /** Where the data lies, such as a small disk; without it in a temporary folder, which goes with the server. */
  readonly folder?: string;
  readonly port?: number;
  /** Without it: this machine's, or if it has none the package's. */
  readonly source?: ProgramSource;
}

/** A PostgreSQL server of a test's own, which it may stop, kill and pause. It ends with this process. */
export class PostgresServer implements SharedServer {
  readonly source: ProgramSource;
  readonly #options: ServerOptions;
  readonly #user: ServerUser;
  readonly #programs: ServerPrograms;
  readonly #leash: ProcessLeash;
  /** Holds the socket and what the server says, and goes with it. */
  readonly #room: string;
  readonly #data: string;
  #settings: Settings;
  #port: number | null;
  #pid: number | null = null;
  #isPaused = false;

  private constructor(options: ServerOptions) {
    this.#options = options;
    this.#user = serverUser();
    this.#room = mkdtempSync(join(temporaryRoot(this.#user), 'crossdc-pg-'));
    this.#own(this.#room);
    this.#leash = new ProcessLeash(this.#room);
    this.#programs = runnable(findServerPrograms(options.source), this.#user, this.#room);
    this.source = this.#programs.source;
    this.#data = join(options.folder ?? this.#room, 'data');
    this.#settings = { ...SMALL, ...(options.durable === true ? {} : HASTY), ...options.config };
    this.#port = options.port ?? null;
  }

  /** A server that takes connections. A folder that has a server's data already is used as it stands. */
  static async start(options: ServerOptions = {}): Promise<PostgresServer> {
    const server = new PostgresServer(options);
    try {
      const isNew = !existsSync(join(server.#data, 'PG_VERSION'));
      if (isNew) await server.#initialise();
      await server.start();
      if (isNew) await server.#createUser();
      return server;
    } catch (error) {
      await server.dispose();
      throw error;
    }
  }

  get port(): number {
    if (this.#port === null) throw new Error('this PostgreSQL server was never started');
    return this.#port;
  }

  /** The process id of the server itself; its connections are children of it. */
  get pid(): number {
    if (this.#pid === null) throw new Error('this PostgreSQL server does not run');
    return this.#pid;
  }

  /** Its temporary folder, which goes with it. */
  get folder(): string {
    return this.#room;
  }

  /** For the ordinary user. */
  url(database: string = ADMINISTRATOR): string {
    const { name, password } = DATABASE_USER;
    return `postgresql://${name}:${encodeURIComponent(password)}@127.0.0.1:${this.port}/${database}`;
  }

  /** For a user who may do anything, through the socket. */
  adminUrl(database: string = ADMINISTRATOR): string {
    return `postgresql://${ADMINISTRATOR}@localhost:${this.port}/${database}?host=${encodeURIComponent(this.#room)}`;
  }

  /** Returns once connections are taken. After `stop`, `immediate` and `kill` on the same port and the same data. */
  async start(): Promise<void> {
    for (let attempt = 1; this.#pid === null; attempt += 1) {
      const port = this.#port ?? (await freePorts(1))[0]!;
      const end = await this.#launch(port);
      if (end === null) this.#port = port;
      else if (this.#port !== null || attempt === PORT_ATTEMPTS || !/Address already in use/.test(this.#said())) {
        throw new Error(`PostgreSQL did not start: ${JSON.stringify(end)}\n${this.#said()}`);
      }
    }
  }

  /** In order, but waiting for nobody: connections are ended, transactions rolled back. */
  stop(): Promise<void> {
    return this.#end('SIGINT');
  }

  /** Without a shutdown of its own; the next start recovers, as after a crash. */
  immediate(): Promise<void> {
    return this.#end('SIGQUIT');
  }

  /** A crash: the server and every process of it are killed. */
  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  /** Hangs: the server and every process of it stand still, and its sockets stay open. */
  async pause(): Promise<void> {
    await this.#leash.signal('SIGSTOP', true);
    this.#isPaused = true;
  }

  async resume(): Promise<void> {
    await this.#leash.signal('SIGCONT', true);
    this.#isPaused = false;
  }

  /** Changes settings at run time. Returns once new connections have them; open ones follow when they are used next. */
  async configure(settings: Settings): Promise<void> {
    this.#settings = { ...this.#settings, ...settings };
    this.#writeSettings(this.port);
    if (this.#pid === null) return;
    const loaded = async (): Promise<unknown> => (await this.query('SELECT pg_conf_load_time() AS at'))[0];
    const before = JSON.stringify(await loaded());
    await this.#leash.signal('SIGHUP');
    await until('the settings are read', async () => JSON.stringify(await loaded()) !== before);
  }

  /** As a user who may do anything. */
  query<T = Record<string, unknown>>(
    sql: string,
    params: readonly unknown[] = [],
    database: string = ADMINISTRATOR,
  ): Promise<T[]> {
    return queryOnce<T>(this.adminUrl(database), sql, params);
  }

  createDatabase(options: DatabaseOptions = {}): Promise<TestDatabase> {
    return createDatabase({ admin: (name) => this.adminUrl(name), user: (name) => this.url(name) }, options);
  }

  /** Whatever state it is in; its temporary folder goes with it. Idempotent. */
  async dispose(): Promise<void> {
    this.#pid = null;
    await this.#leash.close();
  }

  async #initialise(): Promise<void> {
    mkdirSync(this.#data, { recursive: true, mode: 0o700 });
    this.#own(this.#data);
    if (this.#options.folder !== undefined) letIn(this.#options.folder, this.#user);
    const args = ['-D', this.#data, '-U', ADMINISTRATOR, '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'];
    await this.#run('initdb', args);
    const end = await this.#leash.untilEnded();
    if (end.status !== 0) throw new Error(`initdb failed: ${JSON.stringify(end)}\n${this.#said()}`);
    for (const [name, text] of Object.entries(this.#options.files ?? {})) {
      writeFileSync(join(this.#data, name), text, { mode: 0o600 });
      this.#own(join(this.#data, name));
    }
    const hba = [
      ...(this.#options.hba ?? []),
      `local all ${ADMINISTRATOR} trust`,
      'host all all 127.0.0.1/32 scram-sha-256',
    ];
    writeFileSync(join(this.#data, 'pg_hba.conf'), `${hba.join('\n')}\n`);
    writeFileSync(join(this.#data, 'postgresql.conf'), "include 'test.conf'\n");
  }

  async #createUser(): Promise<void> {
    const { name, password } = DATABASE_USER;
    await this.query(`CREATE ROLE ${escapeIdentifier(name)} LOGIN PASSWORD ${escapeLiteral(password)}`);
  }

  #writeSettings(port: number): void {
    const settings = {
      listen_addresses: '127.0.0.1',
      unix_socket_directories: this.#room,
      ...this.#settings,
      port: String(port),
    };
    const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value.replaceAll("'", "''")}'\n`);
    writeFileSync(join(this.#data, 'test.conf'), lines.join(''));
  }

  /** @returns null once it takes connections, or how it ended instead */
  async #launch(port: number): Promise<ProgramEnd | null> {
    this.#writeSettings(port);
    writeFileSync(this.#output, '');
    this.#own(this.#output);
    const pid = await this.#run('postgres', ['-D', this.#data]);
    const ended: ProgramEnd[] = [];
    const end = this.#leash.ended.then((how) => ended.push(how));
    // Its own file says when it is ready, which needs no connection and no free place for one.
    const pidFile = join(this.#data, 'postmaster.pid');
    const isReady = (): boolean => {
      const lines = (readIfThere(pidFile) ?? '').split('\n');
      return lines[0] === String(pid) && lines[7]?.trim() === 'ready';
    };
    await until('PostgreSQL takes connections', async () => ended.length > 0 || isReady());
    if (ended[0] !== undefined) return ended[0];
    this.#pid = pid;
    void end.then(() => {
      if (this.#pid === pid) this.#pid = null;
    });
    return null;
  }

  #run(name: string, args: readonly string[]): Promise<number | null> {
    const { cwd, env } = asUser(this.#user, this.#room);
    const program = join(this.#programs.folder, name);
    return this.#leash.run({ program, args, env, cwd, ...this.#user, output: this.#output });
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    if (this.#pid === null) return;
    if (this.#isPaused && signal !== 'SIGKILL') await this.resume();
    await this.#leash.signal(signal, signal === 'SIGKILL');
    await this.#leash.untilEnded();
    this.#pid = null;
    this.#isPaused = false;
  }

  get #output(): string {
    return join(this.#room, 'output');
  }

  #said(): string {
    return existsSync(this.#output) ? readFileSync(this.#output, 'utf8').slice(-4000) : '';
  }

  #own(path: string): void {
    if (this.#user.uid !== null && this.#user.gid !== null) chownSync(path, this.#user.uid, this.#user.gid);
  }
}

/** Temporary folders are made for their owner alone, and the server is somebody else when the tests run as root. */
function letIn(folder: string, user: ServerUser): void {
  const root = temporaryRoot(user);
  if (user.uid === null || !folder.startsWith(`${root}/`)) return;
  for (let each = folder; each !== root; each = dirname(each)) chmodSync(each, statSync(each).mode | 0o011);
}

let shared: Promise<SharedServer> | undefined;

/**
 * The server of this run of the tests, started when the first test asks for it: CROSSDC_TEST_DATABASE_URL when it is set
 * (its user must be allowed to create databases), else one of our own.
 */
export function databaseServer(): Promise<SharedServer> {
  const url = process.env.CROSSDC_TEST_DATABASE_URL;
  shared ??= url === undefined || url === '' ? PostgresServer.start() : Promise.resolve(serverAt(url));
  return shared;
}

/** A server that recovers from a crash removes the file of the run before at some moment. */
function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`${what}: not within ${PATIENCE_MS / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
