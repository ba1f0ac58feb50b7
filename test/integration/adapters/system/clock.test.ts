import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { SystemClock } from '../../../../src/adapters/system/clock.ts';

/** Connects and writes a whole request, then says so in the shared number: the bytes are in our kernel by then. */
const SENDER = `
  const { workerData } = require('node:worker_threads');
  const { connect } = require('node:net');
  const flag = new Int32Array(workerData.shared);
  const socket = connect(workerData.port, '127.0.0.1', () => {
    socket.write('POST / HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 5\\r\\n\\r\\nhello', () => {
      Atomics.store(flag, 0, 1);
      Atomics.notify(flag, 0);
    });
  });
  socket.on('error', () => undefined);
`;

describe('SystemClock on a real event loop', () => {
  const clock = new SystemClock();

  it('has read what came while the loop was blocked when afterPendingIo resolves', async () => {
    let heard = '';
    const server = createServer((request, response) => {
      request.setEncoding('utf8').on('data', (text: string) => (heard += text));
      request.on('end', () => response.end());
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const shared = new SharedArrayBuffer(4);
    const worker = new Worker(SENDER, {
      eval: true,
      workerData: { shared, port: (server.address() as AddressInfo).port },
    });
    // The loop stands still, as after a stop signal, until the request lies in the socket.
    expect(Atomics.wait(new Int32Array(shared), 0, 0, 10_000)).to.equal('ok');
    expect(heard).to.equal('');
    await clock.afterPendingIo();
    expect(heard).to.equal('hello');
    await worker.terminate();
    server.closeAllConnections();
    server.close();
  });

  it('never wakes before its time', async () => {
    const { signal } = new AbortController();
    for (const ms of [1, 2.5, 7.3]) {
      const before = clock.now();
      await clock.sleep(ms, signal);
      expect(clock.now() - before).to.be.at.least(ms);
    }
  });

  it('ends an endless sleep when the signal is aborted', async () => {
    const controller = new AbortController();
    const sleeping = clock.sleep(Infinity, controller.signal);
    controller.abort();
    await sleeping;
    expect(controller.signal.aborted).to.equal(true);
  });

  it('has a wall clock in milliseconds since 1970', () => {
    expect(clock.wallMs()).to.be.greaterThan(1.7e12);
  });
});
