import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer, request, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { Pair } from '../support/pair.ts';
import { crossdc, PROGRAM } from '../support/program.ts';
import { untilShown } from '../support/seen.ts';
import { useStage, type Stage } from '../support/stage.ts';
import { freshBytes } from '../support/test-app.ts';
import { describeWithTool, runTool } from '../support/tools.ts';

const SIZE = 6 << 20;
const PIECE = 256 << 10;

interface SlowLine {
  readonly url: string;
  /** The `Range` of each request for a snapshot. */
  readonly ranges: (string | undefined)[];
  /** Bytes after which an answer stands still; Infinity for none. */
  stallAfter: number;
  /** Between two pieces. */
  pauseMs: number;
}

/** A way to a gateway's local API that is slow, and may stand still in the middle of an answer. */
async function slowLine(stage: Stage, to: string): Promise<SlowLine> {
  const ranges: (string | undefined)[] = [];
  const server = createServer((req, res) => {
    ranges.push(req.headers.range);
    const { host: _, ...headers } = req.headers;
    const onward = request(to + (req.url ?? ''), { method: req.method ?? 'GET', headers, agent: false });
    onward.on('error', () => res.destroy());
    onward.end();
    onward.on('response', (answer: IncomingMessage) => {
      res.writeHead(answer.statusCode ?? 0, answer.headers);
      void pour(answer, res);
    });
  });
  const pour = async (answer: IncomingMessage, res: NodeJS.WritableStream): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of answer) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    for (let at = 0; at < body.length; at += PIECE) {
      if (at >= line.stallAfter) return;
      res.write(body.subarray(at, at + PIECE));
      if (line.pauseMs > 0) await sleep(line.pauseMs);
    }
    res.end();
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stage.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const line: SlowLine = { url, ranges, stallAfter: Infinity, pauseMs: 0 };
  return line;
}

/** The parts of downloads in a folder, with their sizes. */
function partsIn(folder: string): number[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.part'))
    .map((name) => statSync(join(folder, name)).size);
}

describe('backup and restore by hand', () => {
  const stage = useStage();

  it('what is held from a dead peer goes into a file, and from there into another gateway, byte for byte', async () => {
    const { dc1, dc2 } = await Pair.running(stage);
    const dc3 = await stage.gateway('dc3', {
      remoteDataCenterApplicationMachineNames: '127.0.0.1:1',
      remoteDataCenterName: 'dc1',
    });
    await dc3.start();
    const contents = new Map([
      ['orders', freshBytes(SIZE)],
      ['accounts/2026 %2e', freshBytes(1000)],
    ]);
    for (const [origin, bytes] of contents) await dc1.putReplicated(origin, bytes);
    await dc1.kill9();
    await dc2.events.until('peer-down');
    const folder = stage.folder();
    // As cron does it, again and again into the same file.
    writeFileSync(join(folder, 'backup'), 'yesterday');
    for (const [origin, bytes] of contents) {
      const file = join(folder, 'backup');
      const got = await crossdc('snapshots', 'get', origin, '--held', 'dc1', '--output', file, '--url', dc2.url);
      expect(got, got.stderr).to.include({ status: 0, stdout: '' });
      expect(readFileSync(file).equals(bytes)).to.equal(true);
      const put = await crossdc('snapshots', 'put', origin, file, '--url', dc3.url);
      expect(put.status, put.stderr).to.equal(0);
      expect((await dc3.api(`/v1/snapshots/${encodeURIComponent(origin)}`)).body.equals(bytes)).to.equal(true);
    }
    expect(readdirSync(folder)).to.deep.equal(['backup']);
  });

  it('a download that was killed is gone on with by the next one, and the file that was there stays meanwhile', async () => {
    const { dc1, dc2 } = await Pair.running(stage);
    const bytes = freshBytes(SIZE);
    await dc1.putReplicated('orders', bytes);
    const line = await slowLine(stage, dc2.url);
    const folder = stage.folder();
    const file = join(folder, 'backup');
    writeFileSync(file, 'yesterday');
    const argv = ['snapshots', 'get', 'orders', '--held', 'dc1', '--output', file, '--url', line.url];

    line.stallAfter = SIZE / 2;
    const first = spawn(process.execPath, [PROGRAM, ...argv], { stdio: 'ignore' });
    stage.after(() => void first.kill('SIGKILL'));
    await untilShown('half of it', () => Promise.resolve(partsIn(folder)[0] === SIZE / 2 ? true : undefined));
    first.kill('SIGKILL');
    await once(first, 'exit');
    expect(readFileSync(file, 'utf8')).to.equal('yesterday');

    line.stallAfter = Infinity;
    const second = await crossdc(...argv);
    expect(second.status, second.stderr).to.equal(0);
    expect(readFileSync(file).equals(bytes)).to.equal(true);
    expect(line.ranges).to.deep.equal([undefined, undefined, `bytes=${SIZE / 2}-`]);
    expect(readdirSync(folder)).to.deep.equal(['backup']);
  });

  it('a part that was damaged, or is of another snapshot, is not gone on with', async () => {
    const { dc1, dc2 } = await Pair.running(stage);
    const [old, fresh] = [freshBytes(SIZE), freshBytes(SIZE)];
    await dc1.putReplicated('orders', old);
    const line = await slowLine(stage, dc2.url);
    const folder = stage.folder();
    const file = join(folder, 'backup');
    const argv = ['snapshots', 'get', 'orders', '--held', 'dc1', '--output', file, '--url', line.url];
    const interrupted = async (): Promise<void> => {
      line.stallAfter = SIZE / 2;
      const child = spawn(process.execPath, [PROGRAM, ...argv], { stdio: ['ignore', 'ignore', 'pipe'] });
      const said: Buffer[] = [];
      child.stderr.on('data', (data: Buffer) => said.push(data));
      await untilShown('half of it', () => Promise.resolve(partsIn(folder).includes(SIZE / 2) ? true : undefined));
      // Asked to stop, it says what it leaves.
      child.kill('SIGINT');
      const [status] = (await once(child, 'close')) as [number | null];
      expect([status, Buffer.concat(said).toString()]).to.deep.equal([
        1,
        'orders: what has come is kept; the same command goes on with it\ncrossdc: interrupted\n',
      ]);
      line.stallAfter = Infinity;
    };

    await interrupted();
    const [name] = readdirSync(folder);
    writeFileSync(join(folder, name!), freshBytes(SIZE / 2));
    const again = await crossdc(...argv);
    expect(again.status, again.stderr).to.equal(0);
    expect(readFileSync(file).equals(old)).to.equal(true);

    await interrupted();
    await dc1.putReplicated('orders', fresh);
    line.ranges.length = 0;
    const other = await crossdc(...argv);
    expect(other.status, other.stderr).to.equal(0);
    expect(readFileSync(file).equals(fresh)).to.equal(true);
    expect(line.ranges).to.deep.equal([undefined]);
    expect(readdirSync(folder)).to.deep.equal(['backup']);
  });
});

describeWithTool('script', 'at a real terminal', (script) => {
  const stage = useStage();

  it('a download draws a bar, which leaves no trace but the line that says what came', async () => {
    const { dc1, dc2 } = await Pair.running(stage);
    const bytes = freshBytes(SIZE);
    await dc1.putReplicated('orders', bytes);
    const line = await slowLine(stage, dc2.url);
    // Longer than the time after which a bar is shown.
    line.pauseMs = 60;
    const folder = stage.folder();
    const file = join(folder, 'backup');
    const command = `stty columns 120; '${process.execPath}' '${PROGRAM}' snapshots get orders --held dc1 --output '${file}' --url ${line.url}`;
    const child = spawn(script, ['-qec', command, '/dev/null'], { stdio: ['ignore', 'pipe', 'ignore'] });
    const said: Buffer[] = [];
    child.stdout.on('data', (data: Buffer) => said.push(data));
    const [status] = (await once(child, 'close')) as [number | null];
    const screen = Buffer.concat(said).toString();
    expect(status, screen).to.equal(0);
    expect(screen).to.match(/orders {2}\[#+\.+\] +\d+% {2}[\d.]+ MiB of 6\.0 MiB {2}[\d.]+ \w+\/s/);
    const shown = screen.split('\r\u001b[K').at(-1);
    expect(shown).to.match(/^orders: version \d+, 6\.0 MiB, sha256 [0-9a-f]{64}\r\n$/);
    expect(readFileSync(file).equals(bytes)).to.equal(true);
  });

  it('a snapshot is not poured over it', () => {
    const command = `'${process.execPath}' '${PROGRAM}' snapshots get orders --url http://127.0.0.1:1`;
    const { status, output } = runTool(script, ['-qec', command, '/dev/null']);
    expect(status).to.equal(2);
    expect(output).to.contain('are not for a terminal');
  });
});
