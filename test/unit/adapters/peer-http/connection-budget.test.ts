import { expect } from 'chai';
import fc from 'fast-check';
import {
  ConnectionBudget,
  crowdOf,
  type BudgetedSocket,
} from '../../../../src/adapters/peer-http/connection-budget.ts';

const PEER = '198.51.100.7';

/** A connection that can be cut, as the budget sees it. */
class FakeSocket implements BudgetedSocket {
  readonly remoteAddress: string;
  readonly remotePort: number | undefined;
  isOpen = true;
  readonly #onClose: (() => void)[] = [];

  constructor(remoteAddress: string, remotePort?: number) {
    this.remoteAddress = remoteAddress;
    this.remotePort = remotePort;
  }

  once(_event: 'close', listener: () => void): void {
    this.#onClose.push(listener);
  }

  destroy(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    for (const listener of this.#onClose) listener();
  }
}

function admitted(budget: ConnectionBudget, address: string, many = 1): FakeSocket[] {
  return Array.from({ length: many }, () => {
    const socket = new FakeSocket(address);
    budget.admit(socket);
    return socket;
  });
}

const openOnes = (sockets: readonly FakeSocket[]): number[] =>
  sockets.flatMap(({ isOpen }, index) => (isOpen ? [index] : []));

describe('The budget of connections', () => {
  it('lets the newest in and cuts the oldest of its address when the address has too many', () => {
    const budget = new ConnectionBudget({ total: 10, unproven: 6, perAddress: 3 });
    const sockets = admitted(budget, PEER, 5);
    expect(openOnes(sockets)).to.deep.equal([2, 3, 4]);
    expect(budget.cut).to.deep.equal({ address: 2, unproven: 0, proven: 0 });
    expect(budget.open).to.deep.equal({ proven: 0, unproven: 3 });
  });

  it('cuts the oldest of the most crowded address when there are too many in all', () => {
    const budget = new ConnectionBudget({ total: 10, unproven: 5, perAddress: 4 });
    const few = admitted(budget, '192.0.2.1', 2);
    const many = admitted(budget, '192.0.2.2', 3);
    const newest = admitted(budget, '192.0.2.3', 2);
    expect(openOnes(few)).to.deep.equal([1]);
    expect(openOnes(many)).to.deep.equal([1, 2]);
    expect(openOnes(newest)).to.deep.equal([0, 1]);
    expect(budget.cut.unproven).to.equal(2);
  });

  it('cuts them in the order in which they came when each has an address of its own', () => {
    const budget = new ConnectionBudget({ total: 10, unproven: 4, perAddress: 4 });
    const sockets = Array.from({ length: 7 }, (_, index) => admitted(budget, `192.0.2.${String(index)}`)).flat();
    expect(openOnes(sockets)).to.deep.equal([3, 4, 5, 6]);
  });

  it('gives the place of a connection that closed to the next one', () => {
    const budget = new ConnectionBudget({ total: 4, unproven: 2, perAddress: 2 });
    const [first, second] = admitted(budget, PEER, 2);
    first!.destroy();
    admitted(budget, PEER);
    expect(second!.isOpen).to.equal(true);
    expect(budget.cut.address).to.equal(0);
  });

  it('never cuts a proven connection for strangers, however many come', () => {
    const budget = new ConnectionBudget({ total: 8, unproven: 4, perAddress: 4 });
    const peer = admitted(budget, PEER, 2);
    for (const socket of peer) budget.proven(socket);
    admitted(budget, PEER, 1000);
    for (let each = 0; each < 1000; each += 1) admitted(budget, `192.0.2.${String(each % 200)}`);
    expect(openOnes(peer)).to.deep.equal([0, 1]);
    expect(budget.open).to.deep.equal({ proven: 2, unproven: 4 });
  });

  it('leaves a peer that connects anew in the middle of a flood from its own address time to prove itself', () => {
    const budget = new ConnectionBudget({ total: 1024, unproven: 512, perAddress: 256 });
    admitted(budget, PEER, 2000);
    const [again] = admitted(budget, PEER);
    admitted(budget, PEER, 255);
    expect(again!.isOpen).to.equal(true);
    budget.proven(again!);
    admitted(budget, PEER, 2000);
    expect(again!.isOpen).to.equal(true);
  });

  it('prefers an address from which an authenticated request came to strangers', () => {
    const budget = new ConnectionBudget({ total: 200, unproven: 100, perAddress: 100 });
    const [before] = admitted(budget, PEER);
    budget.proven(before!);
    before!.destroy();
    const again = admitted(budget, PEER, 10);
    for (let each = 0; each < 500; each += 1) admitted(budget, `10.0.${String(each >> 8)}.${String(each & 255)}`);
    expect(again.every(({ isOpen }) => isOpen)).to.equal(true);
  });

  it('does not let a remembered address crowd the strangers out', () => {
    const budget = new ConnectionBudget({ total: 1024, unproven: 512, perAddress: 512 });
    const [before] = admitted(budget, PEER);
    budget.proven(before!);
    const [newPeer] = admitted(budget, '203.0.113.9');
    admitted(budget, PEER, 5000);
    expect(newPeer!.isOpen).to.equal(true);
  });

  it('remembers the latest 64 addresses and forgets the others', () => {
    const budget = new ConnectionBudget({ total: 200, unproven: 3, perAddress: 3 });
    const [first] = admitted(budget, PEER);
    budget.proven(first!);
    for (let each = 0; each < 64; each += 1) budget.proven(admitted(budget, `192.0.2.${String(each)}`)[0]!);
    const [forgotten] = admitted(budget, PEER);
    const [remembered] = admitted(budget, '192.0.2.63');
    admitted(budget, '203.0.113.1');
    admitted(budget, '203.0.113.2');
    expect(forgotten!.isOpen).to.equal(false);
    expect(remembered!.isOpen).to.equal(true);
  });

  it('displaces the proven connection that was quiet longest when all of them are proven', () => {
    const budget = new ConnectionBudget({ total: 5, unproven: 2, perAddress: 2 });
    const sockets = [0, 1, 2].map(() => {
      const [socket] = admitted(budget, PEER);
      budget.proven(socket!);
      return socket!;
    });
    budget.proven(sockets[0]!);
    const [next] = admitted(budget, PEER);
    expect(openOnes(sockets)).to.deep.equal([0, 1, 2]);
    budget.proven(next!);
    expect(openOnes(sockets)).to.deep.equal([0, 2]);
    expect(budget.cut.proven).to.equal(1);
  });

  it('ignores the proof of a connection that is gone', () => {
    const budget = new ConnectionBudget({ total: 4, unproven: 2, perAddress: 2 });
    const [gone] = admitted(budget, PEER);
    gone!.destroy();
    budget.proven(gone!);
    expect(budget.open).to.deep.equal({ proven: 0, unproven: 0 });
  });

  it('knows a connection by its two ends, where TLS has wrapped the socket in another one', () => {
    const budget = new ConnectionBudget({ total: 4, unproven: 2, perAddress: 2 });
    const plain = new FakeSocket(PEER, 50_000);
    budget.admit(plain);
    budget.proven(new FakeSocket(PEER, 50_000));
    admitted(budget, PEER, 10);
    expect(plain.isOpen).to.equal(true);
    plain.destroy();
    budget.proven(new FakeSocket(PEER, 50_000));
    expect(budget.open.proven).to.equal(0);
  });

  it('refuses sizes that leave no room for one kind', () => {
    for (const sizes of [
      { total: 4, unproven: 4, perAddress: 2 },
      { total: 4, unproven: 2, perAddress: 3 },
      { total: 4, unproven: 2, perAddress: 0 },
    ])
      expect(() => new ConnectionBudget(sizes)).to.throw(RangeError);
  });

  it('keeps its bounds, never cuts a newcomer at once, and never a proven one for an unproven one', () => {
    const step = fc.record({
      kind: fc.constantFrom('admit', 'admit', 'admit', 'prove', 'close'),
      address: fc.nat(5),
      which: fc.nat(),
    });
    const sizes = fc
      .tuple(fc.integer({ min: 1, max: 4 }), fc.nat(4), fc.integer({ min: 1, max: 4 }))
      .map(([perAddress, more, proven]) => ({
        perAddress,
        unproven: perAddress + more,
        total: perAddress + more + proven,
      }));
    fc.assert(
      fc.property(sizes, fc.array(step, { maxLength: 120 }), (size, steps) => {
        const budget = new ConnectionBudget(size);
        const all: FakeSocket[] = [];
        const proven = new Set<FakeSocket>();
        let cutBySomebody = 0;
        for (const { kind, address, which } of steps) {
          const open = all.filter(({ isOpen }) => isOpen);
          const provenBefore = open.filter((socket) => proven.has(socket));
          const chosen = open[which % Math.max(1, open.length)];
          if (kind === 'admit') {
            const [socket] = admitted(budget, `192.0.2.${String(address)}`);
            all.push(socket!);
            expect(socket!.isOpen).to.equal(true);
            expect(provenBefore.every(({ isOpen }) => isOpen)).to.equal(true);
          } else if (kind === 'prove' && chosen !== undefined) {
            budget.proven(chosen);
            proven.add(chosen);
            expect(chosen.isOpen).to.equal(true);
          } else if (kind === 'close') {
            if (chosen !== undefined) cutBySomebody += 1;
            chosen?.destroy();
          }
          const now = all.filter(({ isOpen }) => isOpen);
          const unproven = now.filter((socket) => !proven.has(socket));
          const counts = new Map<string, number>();
          for (const { remoteAddress } of unproven) counts.set(remoteAddress, (counts.get(remoteAddress) ?? 0) + 1);
          expect(now.length).to.be.at.most(size.total);
          expect(unproven.length).to.be.at.most(size.unproven);
          expect(Math.max(0, ...counts.values())).to.be.at.most(size.perAddress);
          expect(budget.open).to.deep.equal({
            proven: now.length - unproven.length,
            unproven: unproven.length,
          });
          const cut = budget.cut.address + budget.cut.unproven + budget.cut.proven;
          expect(now.length + cut + cutBySomebody).to.equal(all.length);
        }
      }),
    );
  });
});

describe('Whom an address stands for', () => {
  it('is the address itself over IPv4, also where it came in over IPv6', () => {
    expect(crowdOf('192.0.2.1')).to.equal('192.0.2.1');
    expect(crowdOf('::ffff:192.0.2.1')).to.equal('192.0.2.1');
  });

  it('is the network over IPv6, in which a machine can have as many addresses as it likes', () => {
    expect(crowdOf('2001:db8:1:2:3:4:5:6')).to.equal('2001:db8:1:2::/64');
    expect(crowdOf('2001:db8:1:2::9')).to.equal('2001:db8:1:2::/64');
    expect(crowdOf('2001:db8:1:3::9')).to.not.equal(crowdOf('2001:db8:1:2::9'));
    expect(crowdOf('2001:DB8::1')).to.equal('2001:db8:0:0::/64');
    expect(crowdOf('fe80::1%eth0')).to.equal('fe80:0:0:0::/64');
    expect(crowdOf('::1')).to.equal('0:0:0:0::/64');
    expect(crowdOf('64:ff9b::192.0.2.1')).to.equal('64:ff9b:0:0::/64');
  });

  it('is one crowd for all whose address is not known any more', () => {
    expect(crowdOf(undefined)).to.equal('unknown');
  });
});
