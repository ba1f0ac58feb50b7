import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The program as it is installed. */
export const PROGRAM = new URL('../../dist/cli/crossdc.cjs', import.meta.url).pathname;
const CLOCK_TICKS_PER_SECOND = 100;

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Four of them: peer and local port of one gateway, then of the other. */
export async function freePorts(): Promise<[number, number, number, number]> {
  return [await freePort(), await freePort(), await freePort(), await freePort()];
}

/** A folder that goes with the benchmark. */
export async function withFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'crossdc-bench-'));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** One gateway in a process of its own, as an operator runs it. */
export class BenchGateway {
  readonly name: string;
  readonly url: string;
  readonly #config: string;
  #child: ChildProcess | null = null;

  private constructor(name: string, url: string, config: string) {
    this.name = name;
    this.url = url;
    this.#config = config;
  }

  static async create(
    folder: string,
    name: string,
    ports: { peer: number; local: number },
    keys: Readonly<Record<string, string>>,
  ): Promise<BenchGateway> {
    const config = join(folder, `${name}.conf`);
    const lines = {
      localDataCenterName: name,
      crossDCHttpPort: String(ports.peer),
      localApiPort: String(ports.local),
      stateDirectory: join(folder, name),
      dataSnapshotExchangeInterval: '888888888',
      logLevel: 'error',
      ...keys,
    };
    await writeFile(
      config,
      Object.entries(lines)
        .map(([key, value]) => `${key}=${value}\n`)
        .join(''),
    );
    return new BenchGateway(name, `http://127.0.0.1:${ports.local}`, config);
  }

  async start(): Promise<void> {
    const child = spawn(process.execPath, [PROGRAM, 'run', '--config', this.#config], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    this.#child = child;
    for (let attempt = 0; attempt < 400; attempt += 1) {
      if (child.exitCode !== null) throw new Error(`${this.name} ended with status ${child.exitCode}`);
      const answer = await fetch(`${this.url}/healthz`).catch(() => null);
      if (answer?.ok === true) return;
      await pause(25);
    }
    throw new Error(`${this.name} did not come up`);
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** The performance clock's time at which the signal was sent. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<number> {
    const child = this.#child;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return performance.now();
    const ended = once(child, 'exit');
    const at = performance.now();
    child.kill(signal);
    await ended;
    return at;
  }

  async peer(name: string): Promise<{ state: string } | null> {
    const answer = await fetch(`${this.url}/v1/peers/${name}`);
    return answer.ok ? ((await answer.json()) as { state: string }) : null;
  }

  async waitForPeer(name: string, state: string): Promise<void> {
    for (let attempt = 0; attempt < 1200; attempt += 1) {
      if ((await this.peer(name))?.state === state) return;
      await pause(25);
    }
    throw new Error(`${name} was not ${state} at ${this.name} within 30 s`);
  }

  async metric(pattern: RegExp): Promise<number> {
    const text = await (await fetch(`${this.url}/metrics`)).text();
    const lines = text.split('\n').filter((line) => pattern.test(line));
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  }

  /** Resident memory in bytes: now and at its peak since the last reset. */
  async memory(): Promise<{ now: number; peak: number }> {
    const status = await readFile(`/proc/${this.pid}/status`, 'utf8');
    const field = (name: string): number => 1024 * Number(new RegExp(`${name}:\\s+([0-9]+) kB`).exec(status)?.[1]);
    return { now: field('VmRSS'), peak: field('VmHWM') };
  }

  /** Sets the kernel's record of the peak back to what is used now. */
  async resetPeak(): Promise<void> {
    await writeFile(`/proc/${this.pid}/clear_refs`, '5');
  }

  cpuSeconds(): Promise<number> {
    return cpuSeconds(this.pid);
  }
}

/** User and system time of a process, in seconds. */
export async function cpuSeconds(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS_PER_SECOND;
}

/** Two gateways that are each other's peer, both up. @param dc2Keys for the second alone, besides those of both */
export async function withPair<T>(
  keys: Readonly<Record<string, string>>,
  work: (dc1: BenchGateway, dc2: BenchGateway, folder: string) => Promise<T>,
  dc2Keys: Readonly<Record<string, string>> = {},
): Promise<T> {
  return withFolder(async (folder) => {
    const [peer1, local1, peer2, local2] = await freePorts();
    const dc1 = await BenchGateway.create(
      folder,
      'dc1',
      { peer: peer1, local: local1 },
      { ...keys, 'remoteDataCenterApplicationMachineNames.dc2': `127.0.0.1:${peer2}` },
    );
    const dc2 = await BenchGateway.create(
      folder,
      'dc2',
      { peer: peer2, local: local2 },
      { ...keys, ...dc2Keys, 'remoteDataCenterApplicationMachineNames.dc1': `127.0.0.1:${peer1}` },
    );
    try {
      await Promise.all([dc1.start(), dc2.start()]);
      await Promise.all([dc1.waitForPeer('dc2', 'up'), dc2.waitForPeer('dc1', 'up')]);
      return await work(dc1, dc2, folder);
    } finally {
      await Promise.all([dc1.kill(), dc2.kill()]);
    }
  });
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
