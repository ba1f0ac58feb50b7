import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GatewayProcess, type Keys } from './gateway-process.ts';
import { freePorts } from './ports.ts';
import { Relay } from './relay.ts';
import { toldSecrets } from './told-secrets.ts';

/** What a test has opened, closed again after it, the last first, whatever became of the test. */
export class Stage {
  readonly #closers: (() => Promise<void> | void)[] = [];
  readonly #gateways: GatewayProcess[] = [];

  after(close: () => Promise<void> | void): void {
    this.#closers.push(close);
  }

  folder(): string {
    const folder = mkdtempSync(join(tmpdir(), 'crossdc-test-'));
    this.after(() => rmSync(folder, { recursive: true, force: true }));
    return folder;
  }

  /** A gateway that is not started yet. */
  async gateway(name: string, keys: Keys, folder = this.folder()): Promise<GatewayProcess> {
    const [peerPort, localPort] = (await freePorts(2)) as [number, number];
    const gateway = new GatewayProcess({ name, folder, peerPort, localPort }, keys);
    this.#gateways.push(gateway);
    this.after(() => gateway.dispose());
    return gateway;
  }

  async relay(targetPort: number): Promise<Relay> {
    const relay = new Relay(targetPort);
    await relay.listen();
    this.after(() => relay.close());
    return relay;
  }

  async close(): Promise<void> {
    for (let close = this.#closers.pop(); close !== undefined; close = this.#closers.pop()) await close();
    this.#gateways.length = 0;
  }

  /** The last that every gateway said, for whoever has to find out why a test failed. */
  lastWords(): string {
    const words = this.#gateways.flatMap((gateway) => [
      `--- ${gateway.name}`,
      ...gateway.log.all.slice(-40).map((line) => JSON.stringify(line)),
      ...gateway.plainLines.slice(-20),
    ]);
    return words.join('\n');
  }
}

/** Processes on a busy machine: every wait within a test has a bound of its own, which says what was waited for. */
const TEST_MS = 90_000;

/** A stage for each test of the suite that calls this. */
export function useStage(): Stage {
  const stage = new Stage();
  beforeEach(function () {
    this.currentTest?.timeout(TEST_MS);
  });
  afterEach(async function () {
    // One that failed and is run again has no state yet.
    const state = this.currentTest?.state;
    if (state === 'failed' || state === undefined) console.log(stage.lastWords());
    await stage.close();
    toldSecrets.settle();
  });
  return stage;
}
