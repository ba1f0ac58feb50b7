import { expect } from 'chai';
import { OriginLedger, type Entry } from '../../support/soak/ledger.ts';
import { faultText, planOf } from '../../support/soak/plan.ts';
import { postsOf } from '../../support/soak/posts.ts';
import { Seeded } from '../../support/soak/seeded.ts';

function ledgerOf(...entries: readonly Partial<Entry>[]): { ledger: OriginLedger; complaints: string[] } {
  const complaints: string[] = [];
  const ledger = new OriginLedger('orders', (problem) => complaints.push(problem));
  for (const entry of entries) {
    const noted = { sha256: 'x', bytes: 1, outcome: 'accepted' as const, version: null, ...entry };
    ledger.willPost(noted.sha256);
    ledger.note(noted);
  }
  return { ledger, complaints };
}

describe('the ledger of a soak', () => {
  const first = { sha256: 'first', version: 1 };
  const second = { sha256: 'second', version: 2 };
  const found = (sha256: string, version: number, isWithdrawn = false): Parameters<OriginLedger['problemWith']>[0] => ({
    sha256,
    version,
    isWithdrawn,
  });

  it('takes the last that was accepted, and nothing before it', () => {
    const { ledger } = ledgerOf(first, second);
    expect(ledger.problemWith(found('second', 2))).to.equal(null);
    expect(ledger.problemWith(found('first', 1))).to.contain('post 1 of 2');
  });

  it('takes what was uncertain after it, and not what was refused, absent or never posted', () => {
    const { ledger } = ledgerOf(
      first,
      { sha256: 'uncertain', outcome: 'uncertain' },
      { sha256: 'refused', outcome: 'refused' },
      { sha256: 'absent', outcome: 'absent' },
    );
    expect(ledger.problemWith(found('first', 1))).to.equal(null);
    expect(ledger.problemWith(found('uncertain', 9))).to.equal(null);
    for (const sha256 of ['refused', 'absent', 'strange']) {
      expect(ledger.problemWith(found(sha256, 9)), sha256).to.be.a('string');
    }
  });

  it('wants the very version that was told, and a withdrawal where one was accepted', () => {
    const { ledger } = ledgerOf(first, { sha256: 'empty', bytes: 0, version: 2 });
    expect(ledger.problemWith(found('empty', 2, true))).to.equal(null);
    expect(ledger.problemWith(found('empty', 2, false))).to.be.a('string');
    expect(ledger.problemWith(found('empty', 3, true))).to.be.a('string');
    expect(ledger.problemWith(found('first', 1))).to.be.a('string');
  });

  it('complains of a version that does not grow', () => {
    expect(ledgerOf(first, second).complaints).to.deep.equal([]);
    expect(ledgerOf(second, first).complaints).to.have.length(1);
  });
});

describe('what a soak does', () => {
  const parts = ['dc1', 'dc2', 'database', 'line'] as const;

  it('is determined by its seed, faults and posts alike', () => {
    const texts = (seed: string): string[] => planOf(new Seeded(seed), 1, parts).map(faultText);
    expect(texts('1')).to.deep.equal(texts('1'));
    expect(texts('1')).to.not.deep.equal(texts('2'));
    const digests = (seed: string): string[] => {
      const posts = postsOf(new Seeded(seed));
      return Array.from({ length: 5 }, () => posts.next().value.sha256);
    };
    expect(digests('1')).to.deep.equal(digests('1'));
    expect(digests('1')).to.not.deep.equal(digests('2'));
  });

  it('reaches every part within a minute, one fault of a part at a time', () => {
    for (let seed = 0; seed < 50; seed += 1) {
      const plan = planOf(new Seeded(String(seed)), 1, parts);
      for (const part of parts) {
        const faults = plan.filter((fault) => fault.part === part);
        expect(faults.length, `${part}, seed ${seed}`).to.be.above(1);
        for (const [i, fault] of faults.entries()) {
          expect(fault.atMs).to.be.at.least(i === 0 ? 0 : faults[i - 1]!.atMs + faults[i - 1]!.forMs);
        }
      }
    }
  });
});
