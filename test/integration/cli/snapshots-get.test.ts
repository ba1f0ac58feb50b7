import { expect } from 'chai';
import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GatewayError } from '../../../src/errors.ts';
import { reprDigest } from '../../../src/wire/snapshot-headers.ts';
import { crossdc, memoryIo } from './memory-io.ts';
import { problem, ScriptedGateway, text } from './scripted-gateway.ts';

const CONTENT = Buffer.from('the state of the application, '.repeat(5000));
const LINE = 'GET /v1/snapshots/orders';

function headersOf(content: Buffer, more: Record<string, string> = {}): Record<string, string> {
  const sha256 = createHash('sha256').update(content).digest('hex');
  return {
    'content-length': String(content.length),
    etag: `"${sha256}"`,
    'repr-digest': reprDigest(sha256),
    'crossdc-version': '7',
    ...more,
  };
}

const whole =
  (content = CONTENT) =>
  (response: ServerResponse): void => {
    response.writeHead(200, headersOf(content)).end(content);
  };
/** Sends the first bytes of a part, then breaks the connection. */
const broken =
  (from: number, bytes: number, content = CONTENT) =>
  (response: ServerResponse): void => {
    if (from === 0) response.writeHead(200, headersOf(content));
    else response.writeHead(206, partHeaders(content, from));
    response.write(content.subarray(from, from + bytes), () => setImmediate(() => response.destroy()));
  };
const rest =
  (from: number, content = CONTENT) =>
  (response: ServerResponse): void => {
    response.writeHead(206, partHeaders(content, from)).end(content.subarray(from));
  };

function partHeaders(content: Buffer, from: number): Record<string, string> {
  const range = `bytes ${from}-${content.length - 1}/${content.length}`;
  return headersOf(content, { 'content-length': String(content.length - from), 'content-range': range });
}

describe('crossdc snapshots get', () => {
  let gateway: ScriptedGateway;
  let folder: string;
  let file: string;

  beforeEach(async () => {
    gateway = await ScriptedGateway.start();
    folder = await mkdtemp(join(tmpdir(), 'crossdc-cli-'));
    file = join(folder, 'orders.bin');
  });
  afterEach(async () => {
    await gateway.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const get = (...argv: string[]) => crossdc(['snapshots', 'get', 'orders', '--url', gateway.url, ...argv]);

  it('writes exactly the bytes to stdout', async () => {
    gateway.on(LINE, whole());
    const io = memoryIo();
    const { status, err } = await crossdc(['snapshots', 'get', 'orders', '--url', gateway.url], io);
    expect({ status, err }).to.deep.equal({ status: 0, err: '' });
    expect(io.stdout.bytes().equals(CONTENT)).to.equal(true);
  });

  it('writes a file, and nothing beside it', async () => {
    gateway.on(LINE, whole());
    const { status, out, err } = await get('--output', file);
    expect({ status, out }).to.deep.equal({ status: 0, out: '' });
    expect(err).to.match(/^orders: version 7, 146.5 KiB, sha256 [0-9a-f]{64}\n$/);
    expect(await readdir(folder)).to.deep.equal(['orders.bin']);
    expect((await readFile(file)).equals(CONTENT)).to.equal(true);
  });

  it('asks for what is held from a peer, of any version and workload, under any name', async () => {
    gateway.on('GET /v1/peers/dc2/snapshots/a%2Fb%20%C3%BC?version=5&workload=dc3', whole());
    const argv = [
      'snapshots',
      'get',
      'a/b ü',
      '--held',
      'dc2',
      '--version',
      '5',
      '--workload',
      'dc3',
      '--output',
      file,
    ];
    expect((await crossdc([...argv, '--url', gateway.url])).status).to.equal(0);
  });

  it('asks for a version of our own, also an older one', async () => {
    gateway.on('GET /v1/snapshots/orders?version=5', whole());
    expect((await get('--version', '5', '--output', file)).status).to.equal(0);
    expect(gateway.lines).to.deep.equal(['GET /v1/snapshots/orders?version=5']);
  });

  it('goes on where the connection broke, as often as it breaks', async () => {
    gateway.on(LINE, broken(0, 60_000), broken(60_000, 50_000), rest(110_000));
    const { status } = await get('--output', file);
    expect(status).to.equal(0);
    expect((await readFile(file)).equals(CONTENT)).to.equal(true);
    const etag = headersOf(CONTENT).etag;
    expect(gateway.seen.map(({ headers }) => [headers.range, headers['if-range']])).to.deep.equal([
      [undefined, undefined],
      ['bytes=60000-', etag],
      ['bytes=110000-', etag],
    ]);
  });

  it('starts a file over when the snapshot is another one when the connection is back', async () => {
    const newer = Buffer.from('newer');
    gateway.on(LINE, broken(0, 60_000), whole(newer));
    const { status } = await get('--output', file);
    expect(status).to.equal(0);
    expect((await readFile(file)).equals(newer)).to.equal(true);
  });

  it('says that what went to stdout is of no use when the snapshot changed in between', async () => {
    gateway.on(LINE, broken(0, 60_000), whole(Buffer.from('newer')));
    const { status, err } = await get();
    expect(status).to.equal(1);
    expect(err).to.contain('the snapshot changed: discard what was written');
  });

  it('gives up after some attempts that brought nothing, and leaves the file that was there', async () => {
    await writeFile(file, 'before');
    gateway.on(LINE, broken(0, 60_000), (response) => response.destroy());
    const { status, err } = await get('--output', file);
    expect(status).to.equal(69);
    expect(err).to.contain('the connection was closed');
    expect(await readdir(folder)).to.deep.equal(['orders.bin']);
    expect(await readFile(file, 'utf8')).to.equal('before');
  });

  it('refuses bytes that do not match their digest, and leaves no file', async () => {
    gateway.on(LINE, (response) => {
      response.writeHead(200, headersOf(CONTENT)).end(Buffer.from(CONTENT).fill(0, 99, 100));
    });
    const { status, err } = await get('--output', file);
    expect(status).to.equal(1);
    expect(err).to.contain('do not match their digest');
    expect(await readdir(folder)).to.deep.equal([]);
  });

  it('refuses another part than the one that it asked for', async () => {
    gateway.on(LINE, broken(0, 60_000), rest(50_000));
    const { status, err } = await get('--output', file);
    expect(status).to.equal(69);
    expect(err).to.contain('another part of the snapshot');
    expect(await readdir(folder)).to.deep.equal([]);
  });

  it('takes nothing without a digest for a snapshot', async () => {
    gateway.on(LINE, text(200, 'hello'));
    expect(await get('--output', file)).to.include({ status: 69, out: '' });
    expect(await readdir(folder)).to.deep.equal([]);
  });

  it('leaves nothing behind when the gateway has no such snapshot, or when it is interrupted', async () => {
    gateway.on(LINE, problem(new GatewayError('not-found', 'There is no "orders".')));
    expect((await get('--output', file)).status).to.equal(1);
    const io = memoryIo();
    gateway.on(LINE, (response) => {
      response.writeHead(200, headersOf(CONTENT));
      response.write(CONTENT.subarray(0, 1000), () => io.interrupt());
    });
    const outcome = await crossdc(['snapshots', 'get', 'orders', '--output', file, '--url', gateway.url], io);
    expect(outcome).to.deep.equal({ status: 1, out: '', err: 'crossdc: interrupted\n' });
    expect(await readdir(folder)).to.deep.equal([]);
  });

  it('says at once when the file cannot be written, and asks for nothing', async () => {
    await mkdir(join(folder, 'sub'));
    for (const path of [join(folder, 'sub'), '/dev/null', join(folder, 'none', 'x'), join(folder, 'new/'), '']) {
      expect((await get('--output', path)).status, path).to.equal(1);
    }
    expect(gateway.seen).to.deep.equal([]);
  });

  it('writes through a link, which stays one', async () => {
    const link = join(folder, 'link');
    await writeFile(file, 'before');
    await chmod(file, 0o600);
    await symlink(file, link);
    gateway.on(LINE, whole());
    expect((await get('--output', link)).status).to.equal(0);
    expect((await readFile(file)).equals(CONTENT)).to.equal(true);
    expect((await readdir(folder)).sort()).to.deep.equal(['link', 'orders.bin']);
  });

  it('does not pour bytes over a terminal', async () => {
    const io = memoryIo();
    io.stdout.isTTY = true;
    const { status, err } = await crossdc(['snapshots', 'get', 'orders', '--url', gateway.url], io);
    expect(status).to.equal(2);
    expect(err).to.contain('--output FILE');
  });
});
