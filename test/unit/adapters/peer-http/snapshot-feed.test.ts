import { expect } from 'chai';
import { SnapshotFeed } from '../../../../src/adapters/peer-http/snapshot-feed.ts';
import { KIB, MIB } from '../../../../src/units.ts';

interface Probe {
  readonly source: AsyncIterable<Uint8Array>;
  returned: number;
}

function probe(next: () => Promise<IteratorResult<Uint8Array>>): Probe {
  const it: Probe = {
    returned: 0,
    source: {
      [Symbol.asyncIterator]: () => ({
        next,
        return: () => {
          it.returned += 1;
          return Promise.resolve({ done: true, value: undefined });
        },
      }),
    },
  };
  return it;
}

function pieces(...contents: Uint8Array[]): Probe {
  return probe(() => {
    const value = contents.shift();
    return Promise.resolve(value === undefined ? { done: true, value: undefined } : { done: false, value });
  });
}

function feedOf(
  of: Probe,
  bytes: number,
): { feed: SnapshotFeed; iterator: AsyncIterator<Uint8Array>; calls: string[] } {
  const calls: string[] = [];
  const progress = { onTaken: () => void calls.push('taken'), onHandedOver: () => void calls.push('handed over') };
  const feed = new SnapshotFeed(of.source, bytes, progress);
  return { feed, iterator: feed[Symbol.asyncIterator](), calls };
}

describe('SnapshotFeed', () => {
  it('hands every byte over in small pieces, and tells of each', async () => {
    const content = Uint8Array.from({ length: MIB + 1 }, (_, i) => i % 251);
    const { iterator, calls } = feedOf(
      pieces(content.subarray(0, MIB), new Uint8Array(0), content.subarray(MIB)),
      content.length,
    );
    const handed: Uint8Array[] = [];
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) handed.push(next.value);
    expect(Buffer.concat(handed).equals(content)).to.equal(true);
    expect(Math.max(...handed.map((piece) => piece.length))).to.be.at.most(128 * KIB);
    expect(calls).to.deep.equal(Array.from({ length: handed.length + 1 }, () => ['taken', 'handed over']).flat());
  });

  it('closes a source that was not read to its end, once', async () => {
    const of = pieces(new Uint8Array(10), new Uint8Array(10));
    const { feed, iterator } = feedOf(of, 20);
    await iterator.next();
    await Promise.all([feed.close(), feed.close()]);
    expect(of.returned).to.equal(1);
    expect(await iterator.next().catch(() => 'rejected')).to.equal('rejected');
  });

  it('does not close a source that came to its end or failed', async () => {
    const ended = pieces();
    const failing = probe(() => Promise.reject(new Error('no')));
    for (const of of [ended, failing]) {
      const { feed, iterator } = feedOf(of, 0);
      await iterator.next().catch(() => undefined);
      await feed.close();
      expect(of.returned).to.equal(0);
    }
  });

  it('does not wait for a read that hangs', async () => {
    const of = probe(() => new Promise(() => undefined));
    const { feed, iterator } = feedOf(of, 10);
    void iterator.next();
    await feed.close();
    expect(of.returned).to.equal(1);
  });

  it('never hands over more than was announced', async () => {
    const { feed, iterator } = feedOf(pieces(new Uint8Array(10), new Uint8Array(1)), 10);
    await iterator.next();
    expect(await iterator.next().catch((error: unknown) => error)).to.equal(feed.failure);
    expect(feed.failure).to.have.property('message').that.includes('at least 11 bytes');
  });

  it('reports a content that is shorter than announced instead of its end', async () => {
    const { feed, iterator } = feedOf(pieces(new Uint8Array(9)), 10);
    await iterator.next();
    expect(await iterator.next().catch((error: unknown) => error)).to.equal(feed.failure);
    expect(feed.failure).to.have.property('message').that.includes('has 9 bytes');
  });
});
