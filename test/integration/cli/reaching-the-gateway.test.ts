import { expect } from 'chai';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { LocalApi } from '../../../src/cli/local-api.ts';
import { CliError } from '../../../src/cli/exit-status.ts';
import { GatewayError } from '../../../src/errors.ts';
import { statusView } from '../../unit/cli/status-view.ts';
import { crossdc, memoryIo } from './memory-io.ts';
import { json, problem, ScriptedGateway, text } from './scripted-gateway.ts';

const STATUS = 'GET /v1/status';

describe('an operator command and its gateway', () => {
  let gateway: ScriptedGateway;

  beforeEach(async () => {
    gateway = await ScriptedGateway.start();
  });
  afterEach(() => gateway.stop());

  it('finds it by --url, and without that by CROSSDC_URL, whatever path it has before the API', async () => {
    gateway.on(STATUS, json(200, statusView())).on('GET /dc1/v1/status', json(200, statusView()));
    expect((await crossdc(['status'], memoryIo({ CROSSDC_URL: gateway.url }))).status).to.equal(0);
    const env = { CROSSDC_URL: 'http://127.0.0.1:1' };
    expect((await crossdc(['status', '--url', `${gateway.url}/dc1/`], memoryIo(env))).status).to.equal(0);
  });

  it('says with status 69 which URL nobody answers at, who gave it, and what to do', async () => {
    await gateway.stop();
    const commands = [
      ['status'],
      ['events'],
      ['events', '--follow'],
      ['status', '--watch'],
      ['shutdown'],
      ['deliver', 'dc2'],
      ['return', 'dc2'],
      ['snapshots', 'list'],
      ['snapshots', 'get', 'o'],
      ['snapshots', 'delete', 'o'],
      ['snapshots', 'request'],
    ];
    for (const argv of commands) {
      const { status, out, err } = await crossdc([...argv, '--url', gateway.url]);
      expect({ status, out }, argv.join(' ')).to.deep.equal({ status: 69, out: '' });
      expect(err).to.equal(
        `crossdc: no gateway answers at ${gateway.url} (--url): connection refused. Is it running? ` +
          'Start it with "crossdc run --config FILE", or name another with --url URL or CROSSDC_URL.\n',
      );
    }
  });

  for (const [what, answer] of [
    ['a web page', text(200, '<html>hello</html>', { 'content-type': 'text/html' })],
    ['the error page of a proxy', text(502, '<html>bad gateway</html>')],
    ['JSON of something else', json(200, { hello: 'world' })],
    ['a JSON list', json(200, [])],
    ['an error in JSON of something else', json(404, { error: 'no such page' })],
  ] as const) {
    it(`says with status 69 that ${what} is no gateway's`, async () => {
      gateway.on(STATUS, answer);
      const { status, out, err } = await crossdc(['status', '--url', gateway.url]);
      expect({ status, out }).to.deep.equal({ status: 69, out: '' });
      expect(err).to.match(/^crossdc: what answers at http:\/\/127\.0\.0\.1:\d+ \(--url\) is no gateway: .*\n$/);
    });
  }

  it('says that what speaks no HTTP is no gateway', async () => {
    const server = createServer((socket) => socket.end('SSH-2.0-OpenSSH\r\n'));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { status, err } = await crossdc([
      'status',
      '--url',
      `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ]);
    server.close();
    expect(status).to.equal(69);
    expect(err).to.contain('is no gateway: the answer is no HTTP');
  });

  it('shows a problem with its title, its detail and its field, and ends with status 1', async () => {
    gateway.on(STATUS, problem(new GatewayError('bad-request', 'may not be \u001b[2J that', { field: 'workload' })));
    expect(await crossdc(['status', '--url', gateway.url])).to.deep.equal({
      status: 1,
      out: '',
      err: 'crossdc: The request is not valid: may not be \\u{1b}[2J that (field workload)\n',
    });
  });

  it('says what else to do where it may not do what it asked for', async () => {
    const io = memoryIo({ CROSSDC_TOKEN: 'the-one-of-the-dashboard' });
    gateway.on(STATUS, problem(new GatewayError('read-only-token', 'It may only read.')));
    expect((await crossdc(['status', '--url', gateway.url], io)).err).to.equal(
      'crossdc: The token may only read: It may only read. Give the one of localApiToken, not that of CROSSDC_TOKEN.\n',
    );
    gateway.on(STATUS, problem(new GatewayError('forbidden-host', 'That is not our Host.', { field: 'host' })));
    const { status, err } = await crossdc(['status', '--url', gateway.url]);
    expect(status).to.equal(1);
    expect(err).to.contain(
      `answers only under its own address and port, and was asked as ${new URL(gateway.url).host}.`,
    );
  });

  it('says how to give the token when one is wanted', async () => {
    gateway.on(STATUS, problem(new GatewayError('unauthorized', 'No token came.')));
    const { status, err } = await crossdc(['status', '--url', gateway.url]);
    expect(status).to.equal(1);
    expect(err).to.equal(
      'crossdc: A valid token is required: No token came. Give it by CROSSDC_TOKEN or --token-file FILE.\n',
    );
  });

  it('says that the token which was given is the wrong one, and whence it came, without showing it', async () => {
    gateway.on(STATUS, problem(new GatewayError('unauthorized', 'Another token came.')));
    const io = memoryIo({ CROSSDC_TOKEN: 'not-the-right-one' });
    const { status, err } = await crossdc(['status', '--url', gateway.url], io);
    expect(status).to.equal(1);
    expect(err).to.equal(
      'crossdc: A valid token is required: Another token came. ' +
        'The one of CROSSDC_TOKEN is not the one that this gateway has.\n',
    );
  });

  it('says that it speaks to the port for peers', async () => {
    gateway.on(STATUS, (response, seen) => {
      response.setHeader('Crossdc-Data-Center', 'dc1');
      return problem(new GatewayError('not-found', 'The peer protocol has no path "/v1/status".'))(response, seen);
    });
    const { status, err } = await crossdc(['status', '--url', gateway.url]);
    expect(status).to.equal(1);
    expect(err).to.contain('This is the peer listener (crossDCHttpPort)').and.to.contain('localApiPort');
  });

  it('says that a URL of https:// meets a gateway that speaks no TLS', async () => {
    const { status, err } = await crossdc(['status', '--url', gateway.url.replace('http:', 'https:')]);
    expect(status).to.equal(69);
    expect(err).to.contain('it does not speak TLS').and.not.to.contain('ssl3');
  });

  it('does not wait for ever for one that takes the connection and says nothing', async () => {
    gateway.on(STATUS, () => undefined);
    const api = new LocalApi({ url: new URL(gateway.url), source: 'test', token: undefined });
    const failure = await api.json({ path: '/v1/status', idleMs: 30 }).catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(CliError).with.property('status', 69);
    expect(failure).to.have.property('message').that.contains('nothing came for 0.03 s');
  });

  it('says that an answer broke off', async () => {
    gateway.on(STATUS, (response) => {
      response.writeHead(200, { 'content-length': '1000' });
      response.write('{"a":', () => response.destroy());
    });
    const { status, err } = await crossdc(['status', '--url', gateway.url]);
    expect(status).to.equal(69);
    expect(err).to.contain('the answer broke off');
  });
});

describe('an operator command and a gateway on a Unix socket', () => {
  let folder: string;
  let socket: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'crossdc cli %20-'));
    socket = join(folder, 'api.sock');
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('finds it by unix:PATH, the path taken as it is', async () => {
    const asked: (string | undefined)[] = [];
    const server = createHttpServer((request, response) => {
      asked.push(`${request.method ?? ''} ${request.url ?? ''} ${request.headers.host ?? ''}`);
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(statusView()));
    });
    server.listen(socket);
    await once(server, 'listening');
    for (const url of [`unix:${socket}`, `unix://${socket}`, `UNIX:${relative(process.cwd(), socket)}`]) {
      expect((await crossdc(['status', '--url', url])).status, url).to.equal(0);
      expect((await crossdc(['status'], memoryIo({ CROSSDC_URL: url }))).status, url).to.equal(0);
    }
    server.close();
    expect(new Set(asked)).to.deep.equal(new Set(['GET /v1/status localhost']));
    expect(asked).to.have.length(6);
  });

  it('says which socket nobody answers at, and why', async () => {
    const said = async (): Promise<string> => {
      const { status, err } = await crossdc(['status', '--url', `unix:${socket}`]);
      expect(status).to.equal(69);
      return err;
    };
    expect(await said()).to.contain(`no gateway answers at unix:${socket} (--url): there is no such socket. Is it`);
    await writeFile(socket, '');
    expect(await said()).to.contain('connection refused');
  });

  it('refuses what cannot be the path of a socket', async () => {
    for (const url of ['unix:', `unix:/${'x'.repeat(107)}`]) {
      const { status, err } = await crossdc(['status', '--url', url]);
      expect(status).to.equal(2);
      expect(err).to.contain('--url: unix: needs the path of a socket, of at most 107 bytes');
    }
  });
});

describe('the token', () => {
  let gateway: ScriptedGateway;
  let folder: string;

  beforeEach(async () => {
    gateway = await ScriptedGateway.start();
    gateway.on(STATUS, json(200, statusView()));
    folder = await mkdtemp(join(tmpdir(), 'crossdc-cli-'));
  });
  afterEach(async () => {
    await gateway.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it('is sent from CROSSDC_TOKEN, and stronger from --token-file, without the newline at its end', async () => {
    const file = join(folder, 'token');
    await writeFile(file, 'from-file\n');
    await crossdc(['status', '--url', gateway.url], memoryIo({ CROSSDC_TOKEN: 'from-env' }));
    await crossdc(['status', '--url', gateway.url, '--token-file', file], memoryIo({ CROSSDC_TOKEN: 'from-env' }));
    await crossdc(['status', '--url', gateway.url]);
    expect(gateway.seen.map(({ headers }) => headers.authorization)).to.deep.equal([
      'Bearer from-env',
      'Bearer from-file',
      undefined,
    ]);
  });

  it('is warned of when its file is open to every user, and used all the same', async () => {
    const file = join(folder, 'token');
    await writeFile(file, 'from-file\n');
    for (const [mode, warning] of [
      [
        0o604,
        `crossdc: warning: --token-file ${file} holds a token and is open to every user of this machine (mode 0604): chmod 600 it\n`,
      ],
      [0o640, ''],
      [0o600, ''],
    ] as const) {
      await chmod(file, mode);
      const { status, err } = await crossdc(['status', '--url', gateway.url, '--token-file', file]);
      expect({ status, err }).to.deep.equal({ status: 0, err: warning });
    }
    expect(gateway.seen.map(({ headers }) => headers.authorization)).to.deep.equal(Array(3).fill('Bearer from-file'));
  });

  it('is refused without being shown when it cannot stand in a header, is empty or cannot be read', async () => {
    const file = join(folder, 'token');
    await writeFile(file, '', { mode: 0o600 });
    for (const [argv, env] of [
      [[], { CROSSDC_TOKEN: 'hush hush' }],
      [['--token-file', file], {}],
      [['--token-file', join(folder, 'none')], {}],
    ] as const) {
      const { status, err } = await crossdc(['status', '--url', gateway.url, ...argv], memoryIo({ ...env }));
      expect(status).to.equal(2);
      expect(err)
        .to.match(/^crossdc: .*\n$/)
        .and.not.to.contain('hush');
    }
    expect(gateway.seen).to.deep.equal([]);
  });
});
