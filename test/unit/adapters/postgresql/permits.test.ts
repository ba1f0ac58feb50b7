import { expect } from 'chai';
import { Permits } from '../../../../src/adapters/postgresql/permits.ts';
import { refusal } from '../../../contract/snapshot-content.ts';

describe('permits', () => {
  it('are given in the order of the calls, each handed on directly', async () => {
    const permits = new Permits(1);
    const giveBack = await permits.take();
    const order: string[] = [];
    const waiting = ['a', 'b'].map((name) => permits.take().then((give) => (order.push(name), give)));
    giveBack();
    giveBack();
    // The newcomer must not overtake, and giving back twice must not make two of one.
    const last = permits.take().then((give) => (order.push('c'), give));
    (await waiting[0])?.();
    (await waiting[1])?.();
    (await last)();
    expect(order).to.deep.equal(['a', 'b', 'c']);
  });

  it('are not waited for after an abort, which costs the others nothing', async () => {
    const permits = new Permits(1);
    const giveBack = await permits.take();
    const abort = new AbortController();
    const waiting = refusal(permits.take({ signal: abort.signal }));
    const next = permits.take();
    abort.abort();
    expect(await waiting).to.equal('interrupted');
    expect(await refusal(permits.take({ signal: AbortSignal.abort() }))).to.equal('interrupted');
    giveBack();
    (await next)();
    (await permits.take())();
  });

  it('are refused when it takes too long', async () => {
    const permits = new Permits(1);
    await permits.take();
    expect(await refusal(permits.take({ ms: 0 }))).to.equal('busy');
  });
});
