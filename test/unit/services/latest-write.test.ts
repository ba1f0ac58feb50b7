import { expect } from 'chai';
import { LatestWrite } from '../../../src/services/latest-write.ts';
import { settled } from '../adapters/local-api/manual-clock.ts';

/** A disk that takes as long as the test lets it. */
class SlowDisk {
  readonly begun: number[] = [];
  /** Those that are under way or over, in the order of their beginning. */
  readonly writes: Promise<void>[] = [];
  readonly #ends: { resolve: () => void; reject: (error: Error) => void }[] = [];

  write = (value: number): Promise<void> => {
    this.begun.push(value);
    const write = new Promise<void>((resolve, reject) => this.#ends.push({ resolve, reject }));
    this.writes.push(write);
    return write;
  };

  async end(error?: Error): Promise<void> {
    const next = this.#ends.shift();
    if (error === undefined) next?.resolve();
    else next?.reject(error);
    await settled();
  }
}

describe('writes of which only the newest counts', () => {
  it('are one at a time, and of those that wait only the newest is carried out', async () => {
    const disk = new SlowDisk();
    const writes = new LatestWrite(disk.write);
    const done: number[] = [];
    for (let value = 1; value <= 1000; value += 1) void writes.put(value).then(() => done.push(value));
    await settled();
    expect([disk.begun, done.length]).to.deep.equal([[1], 0]);
    await disk.end();
    expect([disk.begun, done]).to.deep.equal([[1, 1000], [1]]);
    await disk.end();
    expect(done).to.have.length(1000);
    void writes.put(1001);
    expect(disk.begun).to.deep.equal([1, 1000, 1001]);
  });

  it('one that comes between the end of a write and the next takes the place of that, and is not written before it', async () => {
    const disk = new SlowDisk();
    const writes = new LatestWrite(disk.write);
    void writes.put(1);
    void writes.put(2);
    // Nobody hears of the end of a write before this does.
    void disk.writes[0]?.then(() => void writes.put(3));
    await disk.end();
    expect(disk.begun).to.deep.equal([1, 3]);
    await disk.end();
    expect(disk.begun).to.deep.equal([1, 3]);
  });

  it('a write that fails is told to those who waited for it, and keeps no other from being tried', async () => {
    const disk = new SlowDisk();
    const writes = new LatestWrite(disk.write);
    const outcomes: string[] = [];
    for (const value of [1, 2]) {
      writes.put(value).then(
        () => outcomes.push(`${String(value)} done`),
        () => outcomes.push(`${String(value)} failed`),
      );
    }
    await disk.end(new Error('full'));
    expect([outcomes, disk.begun]).to.deep.equal([['1 failed'], [1, 2]]);
    await disk.end();
    expect(outcomes).to.deep.equal(['1 failed', '2 done']);
  });
});
