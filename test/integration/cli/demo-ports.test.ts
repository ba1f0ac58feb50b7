import { expect } from 'chai';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Children } from '../../../src/cli/demo/children.ts';
import { freePorts } from '../../../src/cli/demo/ports.ts';
import { keyFileIn, startGateways } from '../../../src/cli/demo/stage.ts';
import { StepFailed, Watch } from '../../../src/cli/demo/watch.ts';
import { createFile, SECRET_MODE } from '../../../src/cli/keys/secret-file.ts';
import { newSharedKeyFile } from '../../../src/cli/keys/texts.ts';
import { memoryIo } from './memory-io.ts';

const LIMIT_MS = 50_000;

describe('the gateways of the demo', function () {
  this.timeout(LIMIT_MS);
  // Whoever has the port is no gateway.
  const server = createServer((socket) => socket.destroy());
  const children = new Children();
  let folder: string;
  let taken: number;

  before(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    taken = (server.address() as AddressInfo).port;
  });
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'crossdc-demo-test-'));
    const { text } = newSharedKeyFile(Date.now());
    await createFile({ path: keyFileIn(folder), text, mode: SECRET_MODE });
  });
  afterEach(async () => {
    await children.stopAll();
    await rm(folder, { recursive: true, force: true });
  });
  after(() => server.close());

  for (const place of [0, 1]) {
    it(`are started on other ports when somebody takes the ${place === 0 ? 'peer port' : 'local port'} of dc1 before them`, async () => {
      let attempts = 0;
      const findPorts = async (count: number): Promise<number[]> => {
        attempts += 1;
        const ports = await freePorts(count);
        return attempts === 1 ? ports.with(place, taken) : ports;
      };
      const watch = new Watch(memoryIo(), children, LIMIT_MS);
      const { dc1, dc2 } = await startGateways({ folder, children, watch, findPorts });
      expect(attempts).to.equal(2);
      expect([dc1, dc2].map(({ gateway }) => gateway.ended)).to.deep.equal([null, null]);
    });
  }

  it('are given up when they can never have their ports', async () => {
    let attempts = 0;
    const findPorts = async (count: number): Promise<number[]> => {
      attempts += 1;
      return (await freePorts(count)).with(0, taken);
    };
    const watch = new Watch(memoryIo(), children, LIMIT_MS);
    const failure = await startGateways({ folder, children, watch, findPorts }).catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(StepFailed);
    expect(attempts).to.equal(3);
  });
});
