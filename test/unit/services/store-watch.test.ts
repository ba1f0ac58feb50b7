import { expect } from 'chai';
import { GatewayError } from '../../../src/errors.ts';
import { settled } from '../adapters/local-api/manual-clock.ts';
import { Stage } from './stage.ts';

const SECOND = 1000;

/** A store of which a test decides at each moment whether it works. */
class Watched {
  readonly stage = new Stage();
  probes = 0;
  probe: () => Promise<void> = () => Promise.resolve();

  constructor() {
    this.stage.watch.watch('held', () => {
      this.probes += 1;
      return this.probe();
    });
  }

  break(code: 'store-full' | 'store-unavailable' | 'encryption-key-missing' = 'store-unavailable'): GatewayError {
    const error = new GatewayError(code, 'it is away');
    this.probe = () => Promise.reject(error);
    return error;
  }

  async pass(seconds: number): Promise<void> {
    for (let step = 0; step < seconds * 4; step += 1) {
      await this.stage.clock.advance(SECOND / 4);
      await settled();
    }
  }

  /** What was said of it so far. */
  get said(): string[] {
    return this.stage.events.map(({ type }) => type);
  }
}

describe('the watch over the stores', () => {
  it('notices that a store went away which nobody uses, and that it is back, and says each once', async () => {
    const watched = new Watched();
    watched.stage.watch.start();
    await watched.pass(60);
    expect(watched.said).to.deep.equal([]);
    watched.break();
    await watched.pass(60);
    expect(watched.said).to.deep.equal(['store-error']);
    expect(watched.stage.watch.failures()).to.deep.equal([{ store: 'held', reason: 'it is away' }]);
    watched.probe = () => Promise.resolve();
    await watched.pass(60);
    expect(watched.said).to.deep.equal(['store-error', 'store-recovered']);
    watched.stage.context.tasks.abort();
  });

  it('takes a store that does not answer for one that fails, and asks it no second time meanwhile', async () => {
    const watched = new Watched();
    let answer: () => void = () => undefined;
    watched.stage.watch.start();
    await watched.pass(1);
    const before = watched.probes;
    watched.probe = () => new Promise((resolve) => (answer = resolve));
    await watched.pass(120);
    expect(watched.said).to.deep.equal(['store-error']);
    expect(watched.probes - before, 'the look, and the loop that waits for it to work').to.equal(2);
    watched.probe = () => Promise.resolve();
    answer();
    await watched.pass(60);
    expect(watched.said).to.deep.equal(['store-error', 'store-recovered']);
    watched.stage.context.tasks.abort();
  });

  it('says little of a store that takes small things and refuses large ones', async () => {
    const watched = new Watched();
    const full = new GatewayError('store-full', 'there is no room');
    watched.stage.watch.start();
    // A large snapshot is tried again and again, for ten minutes; the probe always works.
    for (let attempt = 0; attempt < 40; attempt += 1) {
      watched.stage.watch.failed('held', full);
      await watched.pass(15);
    }
    expect(watched.said).to.deep.equal(['store-error', 'store-recovered', 'store-error']);
    expect(watched.stage.watch.isFailing('held')).to.equal(true);
    await watched.pass(60);
    expect(watched.said.at(-1)).to.equal('store-recovered');
    watched.stage.context.tasks.abort();
  });

  it('says once that a store lacks a key, until the key is there, and lets everything else go on', async () => {
    const watched = new Watched();
    const { watch } = watched.stage;
    watched.break('encryption-key-missing');
    watch.start();
    await watched.pass(5);
    // What is stored meanwhile needs no other key.
    for (let put = 0; put < 10; put += 1) {
      watch.worked('held');
      await watched.pass(20);
    }
    expect(watched.said).to.deep.equal(['store-error']);
    expect(watch.failures()).to.deep.equal([{ store: 'held', reason: 'it is away' }]);
    expect(watch.isFailing('held')).to.equal(false);
    watched.break('store-full');
    await watched.pass(20);
    expect(watch.isFailing('held')).to.equal(true);
    watched.probe = () => Promise.resolve();
    await watched.pass(20);
    expect(watched.said).to.deep.equal(['store-error', 'store-recovered']);
    expect(watch.failures()).to.deep.equal([]);
    watched.stage.context.tasks.abort();
  });

  it('says a recovery at once again when the store has worked for long', async () => {
    const watched = new Watched();
    watched.stage.watch.start();
    for (let outage = 0; outage < 3; outage += 1) {
      watched.stage.watch.failed('held', watched.break());
      await watched.pass(5);
      watched.probe = () => Promise.resolve();
      await watched.pass(11);
      expect(watched.stage.watch.isFailing('held'), `outage ${outage}`).to.equal(false);
      await watched.pass(300);
    }
    watched.stage.context.tasks.abort();
  });
});
