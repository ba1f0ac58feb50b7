import { expect } from 'chai';
import { Stage } from './stage.ts';

describe('the applications that follow the events', () => {
  it('are counted until they leave, and one that leaves twice only once', () => {
    const { hub } = new Stage();
    const [first, second] = [hub.follow(), hub.follow()];
    expect(hub.attached).to.equal(2);
    first();
    first();
    expect(hub.attached).to.equal(1);
    second();
    expect(hub.attached).to.equal(0);
  });
});
