import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { expect } from 'chai';
import { listenOnSocket } from '../../../src/adapters/local-api/unix-socket.ts';
import { Harness, problemOf } from './harness.ts';

const modeOf = (path: string): number => lstatSync(path).mode & 0o7777;

describe('local API: on a Unix socket', () => {
  let folder: string;
  let socket: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'crossdc-socket-'));
    socket = join(folder, 'api.sock');
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** What kept it from listening. */
  async function failure(path = socket): Promise<string> {
    const api = new Harness({ socket: path });
    try {
      await api.server.listen();
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
    await api.stop();
    throw new Error('it listens');
  }

  /** A process that listens there, until it is killed. */
  async function other(): Promise<{ readonly pid: number; kill: () => Promise<void> }> {
    const code = `require('net').createServer().listen(${JSON.stringify(socket)}, () => console.log('listening'))`;
    const child = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    const kill = async (): Promise<void> => {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL');
        await once(child, 'close');
      }
    };
    return { pid: child.pid ?? 0, kill };
  }

  it('answers under any Host, has mode 0660, and is gone when it is closed', async () => {
    const api = new Harness({ socket });
    expect(await api.server.listen()).to.deep.equal({ socket });
    expect(modeOf(socket)).to.equal(0o660);
    for (const host of ['localhost', 'x', 'evil.example:1'])
      expect((await api.checked('GET', '/v1/status', { headers: { host } })).status).to.equal(200);
    const body = '{"status":"passing"}';
    expect((await api.checked('PUT', '/v1/health', { body })).status).to.equal(204);
    const refused = await api.checked('PUT', '/v1/health', { body, headers: { origin: 'http://evil.example' } });
    expect(problemOf(refused)).to.include({ status: 403, code: 'forbidden-host' });
    await api.stop();
    expect(existsSync(socket)).to.equal(false);
    await api.stop();
  });

  it('asks for its token there too', async () => {
    const api = await new Harness({ socket, token: 'one', readToken: 'two' }).start();
    const status = async (headers: Record<string, string>): Promise<number> =>
      (await api.ask('GET', '/v1/status', { headers })).status;
    expect(await status({})).to.equal(401);
    expect(await status({ authorization: 'Bearer one' })).to.equal(200);
    expect(await status({ authorization: 'Bearer two' })).to.equal(200);
    await api.stop();
  });

  it('is reached by curl', async () => {
    const api = await new Harness({ socket }).start();
    const curl = spawn('curl', ['-s', '--unix-socket', socket, 'http://gateway/healthz'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const chunks: Buffer[] = [];
    curl.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    expect(await once(curl, 'close')).to.deep.equal([0, null]);
    expect(Buffer.concat(chunks).toString()).to.contain('"status":"ok"');
    await api.stop();
  });

  it('is never open to others, not for an instant, whatever the umask; and the umask stays', async () => {
    for (const umask of [0, 0o022, 0o077]) {
      const before = process.umask(umask);
      try {
        const server = createServer();
        let firstMode = 0o777;
        const listen = server.listen.bind(server) as (options: object) => typeof server;
        // As it is before anything else can happen to it.
        Object.assign(server, {
          listen(options: object) {
            listen(options);
            firstMode = modeOf(socket);
          },
        });
        await listenOnSocket(server, socket);
        expect(firstMode & 0o007, 'at first').to.equal(0);
        expect(modeOf(socket)).to.equal(0o660);
        expect(process.umask(umask)).to.equal(umask);
        server.close();
        await once(server, 'close');
      } finally {
        process.umask(before);
      }
    }
  });

  it('takes the place of a dead process', async () => {
    const dead = await other();
    await dead.kill();
    expect(lstatSync(socket).isSocket()).to.equal(true);
    const api = await new Harness({ socket }).start();
    expect((await api.ask('GET', '/healthz')).status).to.equal(200);
    await api.stop();
  });

  it('leaves a living process its place, says which one it is, and does not disturb it', async () => {
    const living = await other();
    expect(await failure()).to.equal(`${socket} is in use by process ${living.pid} (node)`);
    expect(lstatSync(socket).isSocket()).to.equal(true);
    await living.kill();
  });

  it('says of a second gateway in its own process that it is in use, and the first goes on', async () => {
    const first = await new Harness({ socket }).start();
    expect(await failure()).to.contain(`${socket} is in use by process ${process.pid} `);
    expect((await first.ask('GET', '/healthz')).status).to.equal(200);
    await first.stop();
  });

  it('never removes what is no socket', async () => {
    const elsewhere = join(folder, 'elsewhere');
    writeFileSync(elsewhere, 'precious');
    chmodSync(elsewhere, 0o600);
    writeFileSync(socket, 'a file');
    expect(await failure()).to.equal(`${socket} is there and is no socket: move it away, or name another path`);
    expect(readFileSync(socket, 'utf8')).to.equal('a file');
    rmSync(socket);
    mkdirSync(socket);
    expect(await failure()).to.contain('is no socket');
    rmSync(socket, { recursive: true });
    // A link is no socket either, wherever it leads.
    symlinkSync(elsewhere, socket);
    expect(await failure()).to.contain('is no socket');
    expect(lstatSync(socket).isSymbolicLink()).to.equal(true);
    expect([readFileSync(elsewhere, 'utf8'), modeOf(elsewhere)]).to.deep.equal(['precious', 0o600]);
    rmSync(socket);
    execFileSync('mkfifo', [socket]);
    expect(await failure()).to.contain('is no socket');
    expect(lstatSync(socket).isFIFO()).to.equal(true);
  });

  it('makes no folder, and says which one is missing', async () => {
    const path = join(folder, 'run', 'api.sock');
    expect(await failure(path)).to.equal(
      `${path} needs the folder ${join(folder, 'run')}, which is not there: make it, for those who may use the API`,
    );
    expect(existsSync(join(folder, 'run'))).to.equal(false);
  });

  for (const path of ['/v1/messages', '/v1/snapshots/orders']) {
    it(`gets its refusal of PUT ${path} through to a client that sends its body only then`, async () => {
      const api = await new Harness({ socket, token: 'one' }).start();
      const client = connect({ path: socket });
      let broken: unknown = null;
      client.on('error', (error) => (broken = error));
      client.write(`PUT ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 5\r\n\r\n`);
      const chunks: Buffer[] = [];
      client.on('data', (chunk: Buffer) => {
        // As late as can be: the whole answer is here, and the body was not even begun.
        if (chunks.push(chunk) === 1) client.write('state');
      });
      await once(client, 'close');
      expect(Buffer.concat(chunks).toString()).to.match(
        /^HTTP\/1\.1 401 [^]*"type":"urn:crossdc:problem:unauthorized"/,
      );
      expect(broken).to.equal(null);
      await api.stop();
    });
  }

  it('leaves its half of the connection to a client that it refused, so that no write breaks the answer', async () => {
    const api = await new Harness({ socket, token: 'one' }).start();
    const client = connect({ path: socket, allowHalfOpen: true });
    let broken: unknown = null;
    client.on('error', (error) => (broken = error));
    const chunks: Buffer[] = [];
    client.on('data', (chunk: Buffer) => chunks.push(chunk));
    client.write('PUT /v1/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 5\r\n\r\nstate');
    await once(client, 'end');
    // As node:http ends a body whose length it has said.
    await new Promise((written) => client.write('', written));
    expect(broken).to.equal(null);
    client.end();
    await once(client, 'close');
    expect(Buffer.concat(chunks).toString()).to.match(/^HTTP\/1\.1 401 /);
    await api.stop();
  });

  it('takes a path relative to the current folder', async () => {
    const path = relative(process.cwd(), socket);
    const api = await new Harness({ socket: path }).start();
    expect(lstatSync(socket).isSocket()).to.equal(true);
    await api.stop();
  });
});
