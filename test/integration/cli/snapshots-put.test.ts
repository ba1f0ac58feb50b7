import { expect } from 'chai';
import { createHash } from 'node:crypto';
import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GatewayError } from '../../../src/errors.ts';
import { fileSource } from '../../../src/cli/snapshots/upload.ts';
import { crossdc, memoryIo } from './memory-io.ts';
import { json, problem, ScriptedGateway, type Seen } from './scripted-gateway.ts';

const CONTENT = Buffer.from('state '.repeat(1000));

function receipt(content: Buffer): object {
  return {
    workload: 'dc1',
    origin: 'orders',
    version: 8,
    bytes: content.length,
    takenAt: '2026-01-02T03:04:05.678Z',
    sha256: createHash('sha256').update(content).digest('hex'),
    replication: [{ peer: 'dc2', state: 'pending' }],
  };
}
/** As the gateway does: the digest of what arrived. */
const accept = (status: number) => (response: ServerResponse, seen: Seen) =>
  json(status, receipt(seen.body))(response, seen);

describe('crossdc snapshots put', () => {
  let gateway: ScriptedGateway;
  let folder: string;
  let file: string;

  beforeEach(async () => {
    gateway = await ScriptedGateway.start();
    folder = await mkdtemp(join(tmpdir(), 'crossdc-cli-'));
    file = join(folder, 'orders.bin');
    await writeFile(file, CONTENT);
  });
  afterEach(async () => {
    await gateway.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const put = (...argv: string[]) => crossdc(['snapshots', 'put', ...argv, '--url', gateway.url]);

  it('posts a file with its length, its position and its labels, and prints the receipt', async () => {
    gateway.on('PUT /v1/snapshots/a%2Fb?workload=dc2', accept(202));
    const { status, out } = await put(
      'a/b',
      file,
      '--workload',
      'dc2',
      '--position',
      'offset ü',
      '--label',
      'Shift=night, 2',
      '--label',
      'x=',
    );
    expect(status).to.equal(0);
    expect(out).to.match(/^orders: version 8, 5.9 KiB, sha256 [0-9a-f]{64}, peers: dc2 pending\n$/);
    const [seen] = gateway.seen;
    expect(seen?.body.equals(CONTENT)).to.equal(true);
    expect(seen?.headers).to.include({
      'content-length': String(CONTENT.length),
      'crossdc-position': 'offset%20%C3%BC',
      'crossdc-label-shift': 'night%2C%202',
      'crossdc-label-x': '',
    });
  });

  it('posts stdin, with or without a dash, in pieces', async () => {
    gateway.on('PUT /v1/snapshots/orders', accept(202));
    for (const argv of [['orders'], ['orders', '-']]) {
      const io = memoryIo();
      io.stdin.write('');
      io.stdin.write(CONTENT.subarray(0, 100));
      setImmediate(() => io.stdin.end(CONTENT.subarray(100)));
      expect((await crossdc(['snapshots', 'put', ...argv, '--url', gateway.url], io)).status).to.equal(0);
      expect(gateway.seen.at(-1)?.body.equals(CONTENT)).to.equal(true);
    }
  });

  it('waits for the peers with --wait, and says when it was not in time', async () => {
    const late = problem(new GatewayError('not-in-time', 'dc2 does not have it yet; it stays queued.'));
    gateway.on('PUT /v1/snapshots/orders?wait=replicated&timeout=1.5', accept(200), late);
    const { status, out } = await put('orders', file, '--wait', '--timeout', '1.5', '--json');
    expect(status).to.equal(0);
    expect(JSON.parse(out)).to.deep.equal(receipt(CONTENT));
    const second = await put('orders', file, '--wait', '--timeout', '1.5');
    expect(second).to.include({ status: 1, out: '' });
    expect(second.err).to.contain('it stays queued');
  });

  it('refuses nothing at all, because that would withdraw, and points to delete', async () => {
    await writeFile(file, '');
    const io = memoryIo();
    io.stdin.end();
    for (const outcome of [
      await put('orders', file),
      await crossdc(['snapshots', 'put', 'orders', '--url', gateway.url], io),
    ]) {
      expect(outcome).to.include({ status: 2, out: '' });
      expect(outcome.err)
        .to.contain('withdraws "orders" at every peer: nothing was posted')
        .and.to.contain('crossdc snapshots delete');
    }
    expect(gateway.seen).to.deep.equal([]);
  });

  it('shows a refusal that comes before everything was sent', async () => {
    const big = join(folder, 'big');
    await writeFile(big, Buffer.alloc(8 * 1024 * 1024, 1));
    gateway.on(
      'PUT /v1/snapshots/orders',
      problem(new GatewayError('snapshot-too-large', 'At most 5 bytes are taken.')),
    );
    const { status, err } = await put('orders', big);
    expect(status).to.equal(1);
    expect(err).to.equal('crossdc: The snapshot is too large: At most 5 bytes are taken.\n');
  });

  it('says when the gateway has other bytes than were sent', async () => {
    gateway.on('PUT /v1/snapshots/orders', json(202, receipt(Buffer.from('something else'))));
    const { status, err } = await put('orders', file);
    expect(status).to.equal(1);
    expect(err).to.contain('the bytes at the gateway do not match their digest');
  });

  it('says when the file cannot be read', async () => {
    expect((await put('orders', join(folder, 'none'))).err).to.contain('none cannot be read: there is no such file');
    expect((await put('orders', folder)).err).to.contain('cannot be read: it is a folder');
    expect(gateway.seen).to.deep.equal([]);
  });

  it('does not hand out the end of a file that changes while it is read', async () => {
    const source = await fileSource(file);
    await appendFile(file, 'more');
    let failure = '';
    let bytes = 0;
    try {
      for await (const chunk of source.content) bytes += chunk.length;
    } catch (error) {
      failure = String(error);
    }
    await source.close();
    expect(failure).to.contain('changed while it was read; nothing was posted');
    expect(bytes).to.be.lessThan(CONTENT.length);
  });

  it('wants a file or a pipe where stdin is a terminal', async () => {
    const io = memoryIo();
    Object.assign(io.stdin, { isTTY: true });
    expect((await crossdc(['snapshots', 'put', 'orders', '--url', gateway.url], io)).err).to.contain(
      'name a FILE, or pipe',
    );
  });
});

describe('crossdc snapshots delete', () => {
  it('withdraws by an empty body, and waits when it is told to', async () => {
    const gateway = await ScriptedGateway.start();
    gateway
      .on('PUT /v1/snapshots/orders', accept(202))
      .on('PUT /v1/snapshots/orders?wait=replicated&timeout=30', accept(200));
    const { status, out } = await crossdc(['snapshots', 'delete', 'orders', '--url', gateway.url]);
    await crossdc(['snapshots', 'delete', 'orders', '--wait', '--url', gateway.url]);
    await gateway.stop();
    expect(status).to.equal(0);
    expect(out).to.contain('orders: version 8, withdrawn');
    expect(gateway.seen.map(({ body, headers }) => [body.length, headers['content-length']])).to.deep.equal([
      [0, '0'],
      [0, '0'],
    ]);
  });
});
