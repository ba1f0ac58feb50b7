import { expect } from 'chai';
import { OutputTail } from '../../../../src/adapters/system/output-tail.ts';

describe('OutputTail', () => {
  it('keeps everything while it is short', () => {
    const tail = new OutputTail(10);
    tail.add(Buffer.from('one '));
    tail.add(Buffer.from('two\n'));
    expect(tail.text()).to.equal('one two');
  });

  it('keeps the end of what is longer, and says that something is missing', () => {
    const tail = new OutputTail(4);
    for (let i = 0; i < 100; i += 1) tail.add(Buffer.from(`${String(i)};`));
    expect(tail.text()).to.equal('…;99;');
  });

  it('shows no half character where it was cut', () => {
    const tail = new OutputTail(4);
    tail.add(Buffer.from('aaaä€'));
    expect(tail.text()).to.equal('…€');
  });
});
