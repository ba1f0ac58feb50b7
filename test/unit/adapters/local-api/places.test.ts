import { expect } from 'chai';
import { Places } from '../../../../src/adapters/local-api/places.ts';

describe('a bounded number of places', () => {
  it('gives no more than there are, and gives one again when it was left', () => {
    const places = new Places(2);
    const leave = places.take();
    expect(places.take()).not.to.equal(null);
    expect(places.take()).to.equal(null);
    leave!();
    leave!();
    expect(places.taken).to.equal(1);
    expect(places.take()).not.to.equal(null);
    expect(places.take()).to.equal(null);
  });
});
