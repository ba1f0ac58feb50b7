import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { Client, type DatabaseError } from 'pg';
import { PostgresServer, databaseServer, type ServerOptions } from '../../support/postgres-server.ts';
import { untilShown } from '../../support/seen.ts';
import { serverAt } from '../../support/test-database.ts';

const CHILD = fileURLToPath(new URL('./postgres-server-child.ts', import.meta.url));

interface Told {
  readonly url: string;
  readonly pid: number;
  readonly folder: string;
}

describe('The PostgreSQL server that the tests bring', function () {
  this.timeout(60_000);
  const closers: (() => Promise<unknown> | undefined)[] = [];

  afterEach(async () => {
    for (let close = closers.pop(); close !== undefined; close = closers.pop()) await close();
  });

  async function start(options: ServerOptions = {}): Promise<PostgresServer> {
    const server = await PostgresServer.start(options);
    closers.push(() => server.dispose());
    return server;
  }

  async function client(url: string): Promise<Client> {
    const one = new Client({ connectionString: url });
    one.on('error', () => undefined);
    await one.connect();
    closers.push(() => one.end());
    return one;
  }

  /** PostgreSQL's own code of what went wrong. */
  async function refusal(attempt: Promise<unknown>): Promise<string | undefined> {
    return attempt.then(
      () => undefined,
      (error: unknown) => (error as DatabaseError).code,
    );
  }

  function spawnRun(state: string): { child: ChildProcess; told: Promise<Told> } {
    const child = spawn(process.execPath, ['--import=tsx', CHILD, state], { stdio: ['pipe', 'pipe', 'inherit'] });
    closers.push(async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    });
    const lines = createInterface({ input: child.stdout });
    const told = once(lines, 'line').then(([line]) => JSON.parse(line as string) as Told);
    return { child, told };
  }

  async function isListening(url: string): Promise<boolean> {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    try {
      await once(socket, 'connect');
      return true;
    } catch {
      return false;
    } finally {
      socket.destroy();
    }
  }

  function isRunning(pid: number): boolean {
    try {
      return process.kill(pid, 0);
    } catch {
      return false;
    }
  }

  async function worksAsOrdinaryUser(url: string): Promise<void> {
    const one = await client(url);
    await one.query('CREATE TABLE content (bytes bytea)');
    await one.query('INSERT INTO content VALUES ($1)', [Buffer.from([0, 255, 0])]);
    const { rows } = await one.query<{ bytes: Buffer; super: boolean }>(
      'SELECT bytes, rolsuper AS super FROM content, pg_roles WHERE rolname = current_user',
    );
    expect(rows[0]!.bytes).to.deep.equal(Buffer.from([0, 255, 0]));
  }

  for (const source of ['machine', 'package'] as const) {
    it(`comes from the ${source} and gives databases to an ordinary user`, async function () {
      const server = await start({ source }).catch((error: unknown) => {
        // A machine need not have one; the package is installed with the tests.
        if (source === 'machine' && /no PostgreSQL server was found/.test(String(error))) return null;
        throw error;
      });
      if (server === null) {
        this.test!.title = 'did not run: PostgreSQL is not installed on this machine';
        return;
      }
      expect(server.source).to.equal(source);
      const database = await server.createDatabase();
      await worksAsOrdinaryUser(database.url);
      const [role] = await database.query('SELECT rolsuper FROM pg_roles WHERE rolname = $1', ['crossdc']);
      expect(role).to.deep.equal({ rolsuper: false });
    });
  }

  it('is one that somebody else runs, where its address is given', async () => {
    const given = serverAt((await start()).adminUrl());
    const database = await given.createDatabase();
    await worksAsOrdinaryUser(database.url);
    expect(await database.query('SELECT count(*)::int AS n FROM content')).to.deep.equal([{ n: 1 }]);
    await database.drop();
    expect(await refusal(client(database.url))).to.equal('3D000');
  });

  it('is shared by all tests of a run, each with a database of its own in the encoding that it wants', async () => {
    const server = await databaseServer();
    expect(await databaseServer()).to.equal(server);
    const [one, other] = await Promise.all([server.createDatabase(), server.createDatabase({ encoding: 'LATIN1' })]);
    closers.push(
      () => one.drop(),
      () => other.drop(),
    );
    expect(one.url).not.to.equal(other.url);
    expect(await one.query('SHOW server_encoding')).to.deep.equal([{ server_encoding: 'UTF8' }]);
    expect(await other.query('SHOW server_encoding')).to.deep.equal([{ server_encoding: 'LATIN1' }]);
  });

  it('asks the ordinary user for the password', async () => {
    const server = await start();
    const url = new URL(server.url());
    url.password = 'another';
    expect(await refusal(client(url.href))).to.equal('28P01');
    expect(await refusal(client(server.url()))).to.equal(undefined);
  });

  it('is stopped, ended at once or killed, and has on the same port what was committed before', async () => {
    const server = await start({ durable: true });
    const { port } = server;
    const database = await server.createDatabase();
    const written = await client(database.url);
    await written.query('CREATE TABLE run (name text)');
    for (const how of ['stop', 'immediate', 'kill'] as const) {
      await (await client(database.url)).query('INSERT INTO run VALUES ($1)', [how]);
      await server[how]();
      expect(await isListening(database.url), how).to.equal(false);
      expect(() => server.pid).to.throw('does not run');
      await server.start();
      expect(server.port).to.equal(port);
    }
    const rows = await database.query<{ name: string }>('SELECT name FROM run');
    expect(rows.map(({ name }) => name)).to.have.members(['stop', 'immediate', 'kill']);
  });

  it('stands still with every connection, which goes on where it was', async () => {
    const server = await start();
    const one = await client(server.url());
    const { rows } = await one.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    await server.pause();
    const answer = one.query('SELECT 1 AS one');
    expect([server.pid, rows[0]!.pid].map(stateOf)).to.deep.equal(['T', 'T']);
    await server.resume();
    expect((await answer).rows).to.deep.equal([{ one: 1 }]);
    await server.pause();
    await server.stop();
    expect(await isListening(server.url())).to.equal(false);
  });

  it('takes settings while it runs and for the next start', async () => {
    const server = await start({ config: { max_connections: '20' } });
    const database = await server.createDatabase();
    expect(await server.query('SHOW max_connections')).to.deep.equal([{ max_connections: '20' }]);
    const one = await client(database.url);
    await server.configure({ default_transaction_read_only: 'on' });
    expect(await refusal((await client(database.url)).query('CREATE TABLE t ()'))).to.equal('25006');
    expect(await refusal(one.query('CREATE TABLE t ()'))).to.equal('25006');
    await server.stop();
    await server.configure({ default_transaction_read_only: 'off', max_connections: '15' });
    await server.start();
    expect(await server.query('SHOW max_connections')).to.deep.equal([{ max_connections: '15' }]);
    expect(await refusal((await client(database.url)).query('CREATE TABLE t ()'))).to.equal(undefined);
  });

  it('keeps its data in a folder that is given, for the server after it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'crossdc-test-'));
    closers.push(() => {
      rmSync(folder, { recursive: true });
      return undefined;
    });
    const first = await PostgresServer.start({ folder });
    await first.query('CREATE TABLE kept AS SELECT 7 AS n');
    await first.dispose();
    expect(existsSync(first.folder)).to.equal(false);
    const second = await start({ folder });
    expect(await second.query('SELECT n FROM kept')).to.deep.equal([{ n: 7 }]);
  });

  it('says what PostgreSQL said when it does not start', async () => {
    const failed = await PostgresServer.start({ config: { no_such_setting: '1' } }).then(
      () => undefined,
      (error: unknown) => String(error),
    );
    expect(failed).to.include('unrecognized configuration parameter "no_such_setting"');
  });

  for (const state of ['running', 'paused']) {
    it(`(${state}) ends with the tests when they are killed, and leaves nothing behind`, async () => {
      const { child, told } = spawnRun(state);
      const { pid, folder } = await told;
      expect(isRunning(pid)).to.equal(true);
      child.kill('SIGKILL');
      await untilShown('the end of the server', async () => (isRunning(pid) ? undefined : true));
      await untilShown('the end of its folder', async () => (existsSync(folder) ? undefined : true));
    });
  }

  it('does not meet the one of other tests that run at the same time', async () => {
    const runs = ['shared', 'shared', 'running'].map(spawnRun);
    const told = await Promise.all(runs.map((run) => run.told));
    expect(new Set(told.map(({ url }) => new URL(url).port)).size).to.equal(3);
    for (const { url } of told) expect(await refusal(client(url))).to.equal(undefined);
  });
});

/** As the kernel names it: T is stopped. */
function stateOf(pid: number): string {
  const stat = `/proc/${pid}/stat`;
  if (!existsSync(stat))
    return execFileSync('ps', ['-o', 'state=', '-p', String(pid)])
      .toString()
      .trim()
      .slice(0, 1);
  const text = readFileSync(stat, 'latin1');
  return text.slice(text.lastIndexOf(')') + 2)[0]!;
}
