import { expect } from 'chai';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Relay } from '../../support/relay.ts';
import { MIB } from '../../../src/units.ts';
import { Opened, closedOf, randomBytes } from './support.ts';

describe('the relay of the tests', () => {
  const opened = new Opened();
  afterEach(() => opened.closeAll());

  /** A relay before a server that sends everything back, and closes when the client does. */
  async function echoing(seed?: number): Promise<Relay> {
    const { port } = await opened.scripted((socket) => socket.pipe(socket));
    const relay = opened.add(new Relay(port, seed), (it) => it.close());
    await relay.listen();
    return relay;
  }

  function client(relay: Relay): Socket {
    const socket = opened.add(connect(relay.port, '127.0.0.1'), (it) => void it.destroy());
    socket.on('error', () => undefined);
    return socket;
  }

  async function read(socket: Socket, bytes: number): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let length = 0;
    while (length < bytes) {
      const [chunk] = (await once(socket, 'data')) as [Buffer];
      chunks.push(chunk);
      length += chunk.length;
    }
    return Buffer.concat(chunks);
  }

  it('passes every byte, and the end of each direction by itself', async () => {
    const relay = await echoing();
    const socket = client(relay);
    const content = randomBytes(3 * MIB);
    const back = read(socket, content.length);
    socket.end(content);
    expect((await back).equals(content)).to.equal(true);
    await closedOf(socket);
    expect(relay.stats).to.include({
      connections: 1,
      refused: 0,
      forwardBytes: content.length,
      backwardBytes: content.length,
    });
  });

  it('holds everything back while it is cut, and goes on when it is healed', async () => {
    const relay = await echoing();
    const socket = client(relay);
    socket.write('a');
    expect((await read(socket, 1)).toString()).to.equal('a');
    relay.cut('both');
    socket.write('b');
    const late = client(relay);
    late.write('c');
    await relay.reached(2);
    expect(relay.stats).to.include({ forwardBytes: 1, backwardBytes: 1, open: 2 });
    relay.heal();
    expect((await read(socket, 1)).toString()).to.equal('b');
    expect((await read(late, 1)).toString()).to.equal('c');
  });

  it('cuts one direction and leaves the other', async () => {
    const relay = await echoing();
    const socket = client(relay);
    socket.write('a');
    await read(socket, 1);
    relay.cut('backward');
    socket.write('b');
    while (relay.stats.forwardBytes < 2) await new Promise(setImmediate);
    expect(relay.stats.backwardBytes).to.equal(1);
    relay.heal();
    expect((await read(socket, 1)).toString()).to.equal('b');
  });

  it('forgets connections that were lost', async () => {
    const relay = await echoing();
    const old = client(relay);
    old.write('a');
    await read(old, 1);
    relay.heal('lost');
    old.write('b');
    const fresh = client(relay);
    fresh.write('c');
    await read(fresh, 1);
    expect(relay.stats.forwardBytes).to.equal(2);
  });

  it('refuses until it is healed', async () => {
    const relay = await echoing();
    const socket = client(relay);
    socket.write('a');
    await read(socket, 1);
    relay.refuse();
    await closedOf(socket);
    const other = client(relay);
    await closedOf(other);
    expect(relay.stats.refused).to.equal(1);
    relay.heal();
    const third = client(relay);
    third.write('c');
    await read(third, 1);
  });

  it('resets a client whose target does not listen', async () => {
    const { port } = await opened.scripted(() => undefined);
    await opened.closeAll();
    const relay = opened.add(new Relay(port), (it) => it.close());
    await relay.listen();
    const socket = client(relay);
    await closedOf(socket);
    expect(relay.stats.refused).to.equal(1);
  });

  it('breaks after exactly so many bytes', async () => {
    const relay = await echoing();
    const socket = client(relay);
    relay.cutAfterBytes(MIB, 'reset');
    socket.write(randomBytes(4 * MIB));
    socket.resume();
    await closedOf(socket);
    expect(relay.stats.forwardBytes).to.equal(MIB);
  });

  it('delays by its seed and keeps the order', async () => {
    const relay = await echoing(3);
    relay.delay(10, 20);
    const socket = client(relay);
    const startedAt = performance.now();
    const content = randomBytes(MIB);
    const back = read(socket, content.length);
    socket.write(content);
    expect((await back).equals(content)).to.equal(true);
    expect(performance.now() - startedAt).to.be.at.least(20);
  });
});
