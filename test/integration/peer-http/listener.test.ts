import { expect } from 'chai';
import { connect } from 'node:net';
import { ListenError } from '../../../src/adapters/peer-http/listen-problem.ts';
import { ANSWER, FakeInbox, MESSAGE, NEVER, Opened, closedOf, Source, envelope, randomBytes, to } from './support.ts';

/** A promise and what resolves it. */
function signalled(): { promise: Promise<void>; resolve: () => void } {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((done) => (resolve = done));
  return { promise, resolve };
}

describe('the peer listener, opened and closed', () => {
  const opened = new Opened();
  afterEach(() => opened.closeAll());

  it('says which key to change when its port is taken', async () => {
    const { port } = await opened.listener(new FakeInbox());
    const error: unknown = await opened.listener(new FakeInbox(), { port }).catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(ListenError).with.property('key', 'crossDCHttpPort');
    expect(error).to.have.property('message').that.includes(String(port)).and.includes('in use');
  });

  it('says which key to change when the machine does not have its address', async () => {
    const error: unknown = await opened
      .listener(new FakeInbox(), { host: '192.0.2.1' })
      .catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(ListenError).with.property('key', 'crossDCHttpHost');
    expect(error).to.have.property('message').that.includes('192.0.2.1');
  });

  it('lets what is under way end before it closes', async () => {
    const inbox = new FakeInbox();
    const begun = signalled();
    const finish = signalled();
    inbox.onMessage = async () => {
      begun.resolve();
      await finish.promise;
      return ANSWER;
    };
    const { machine, listener } = await opened.listener(inbox);
    const outcome = opened.transport().sendMessage(to(machine), MESSAGE, NEVER);
    await begun.promise;
    const closed = listener.close(10_000);
    expect(await opened.transport().sendMessage(to(machine), MESSAGE, NEVER)).to.deep.include({
      kind: 'failed',
      reason: 'unreachable',
    });
    finish.resolve();
    await closed;
    expect(await outcome).to.have.property('kind', 'answered');
  });

  it('destroys what does not end within the grace, and tells the inbox', async () => {
    const inbox = new FakeInbox();
    const begun = signalled();
    let signal = NEVER;
    inbox.onSnapshot = (given) => {
      signal = given;
      begun.resolve();
      return new Promise(() => undefined);
    };
    const { machine, listener } = await opened.listener(inbox);
    const content = randomBytes(10);
    const outcome = opened.transport().sendSnapshot(to(machine), envelope(content), new Source(content), NEVER);
    await begun.promise;
    await listener.close(30);
    expect(await outcome).to.deep.include({ kind: 'failed', reason: 'interrupted' });
    expect(signal.aborted).to.equal(true);
  });

  it('closes at once when nothing is under way, whatever is connected, and may be closed twice', async () => {
    const { port, machine, listener } = await opened.listener(new FakeInbox());
    const silent = connect(port, '127.0.0.1');
    silent.on('error', () => undefined);
    const cut = closedOf(silent);
    await opened.transport().sendMessage(to(machine), MESSAGE, NEVER);
    await Promise.all([listener.close(60_000), listener.close(60_000)]);
    silent.resume();
    await cut;
  });

  it('tells the inbox when the client goes away before its answer', async () => {
    const inbox = new FakeInbox();
    const begun = signalled();
    const gone = signalled();
    inbox.onContent = () => new Promise(() => undefined);
    inbox.onSnapshot = (signal) => {
      signal.addEventListener('abort', gone.resolve);
      begun.resolve();
      return Promise.resolve();
    };
    const { machine } = await opened.listener(inbox);
    const controller = new AbortController();
    const content = randomBytes(10);
    const outcome = opened
      .transport()
      .sendSnapshot(to(machine), envelope(content), new Source(content), controller.signal)
      .catch(() => 'aborted');
    await begun.promise;
    controller.abort();
    await gone.promise;
    expect(await outcome).to.equal('aborted');
  });

  it('takes no more connections than it may', async () => {
    const { port } = await opened.listener(new FakeInbox(), { limits: { maxConnections: 2 } });
    const sockets = Array.from({ length: 3 }, () => opened.add(connect(port, '127.0.0.1'), (it) => void it.destroy()));
    const dropped = await Promise.race(
      sockets.map(async (socket, i) => {
        socket.on('error', () => undefined).resume();
        await closedOf(socket);
        return i;
      }),
    );
    expect(sockets.filter((socket, i) => i !== dropped && socket.destroyed)).to.be.empty;
  });
});
