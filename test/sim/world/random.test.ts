import { expect } from 'chai';
import { SeededRandom } from './random.ts';

describe('seeded random numbers', () => {
  it('are the same for the same seed, and others for another', () => {
    const numbers = (seed: number): number[] => {
      const random = new SeededRandom(seed);
      return Array.from({ length: 100 }, random.next);
    };
    expect(numbers(7)).to.deep.equal(numbers(7));
    expect(numbers(7)).not.to.deep.equal(numbers(8));
  });

  it('are spread over the whole range', () => {
    const random = new SeededRandom(1);
    const buckets = Array<number>(10).fill(0);
    for (let i = 0; i < 10_000; i += 1) buckets[random.int(0, 9)]! += 1;
    for (const count of buckets) expect(count).to.be.within(850, 1150);
  });

  it('of a fork do not depend on how many the other draws afterwards', () => {
    const a = new SeededRandom(3);
    const forkOfA = a.fork();
    a.next();
    const forkOfB = new SeededRandom(3).fork();
    expect(forkOfA.next()).to.equal(forkOfB.next());
  });
});
