import { expect } from 'chai';
import fc from 'fast-check';
import { inventoryRows, inventoryText } from '../../../src/core/inventory.ts';
import type { PeerRow } from '../../../src/core/replication-plan.ts';
import { KEY, digestOf, row } from './snapshot-rows.ts';

const peerRow = fc.record<PeerRow>({
  workload: fc.constantFrom('dc1', 'dc2'),
  origin: fc.string({ minLength: 1, maxLength: 8 }).filter((text) => !text.includes('\0') && !text.includes('\n')),
  version: fc.integer({ min: 1, max: 9 }),
  sha256: fc.constantFrom(digestOf(1), digestOf(2)),
  fate: fc.constantFrom('held', 'delivered', 'set-aside', 'withdrawn', 'lost'),
});
const uniqueRows = fc.uniqueArray(peerRow, { selector: (each) => `${each.workload}\0${each.origin}` });

describe('the inventory', () => {
  it('has the newest version of each key, whatever became of it', () => {
    const rows = inventoryRows([
      row(1),
      row(3, { place: 'lost' }),
      row(2),
      row(7, { key: { ...KEY, origin: 'audit' }, deliveredBy: 'd1' }),
    ]);
    expect(rows).to.deep.equal([
      { workload: 'dc2', origin: 'audit', version: 7, sha256: digestOf(7), fate: 'delivered' },
      { workload: 'dc2', origin: 'orders', version: 3, sha256: digestOf(3), fate: 'lost' },
    ]);
  });

  it('has a text that does not depend on the order of the rows nor on their fate', () => {
    fc.assert(
      fc.property(uniqueRows, (rows) => {
        const kept = rows.filter((each) => each.fate !== 'lost');
        const other = [...kept].reverse().map((each): PeerRow => ({ ...each, fate: 'delivered' }));
        expect(inventoryText(other)).to.equal(inventoryText(kept));
      }),
    );
  });

  it('has a text that leaves out what is lost, as if it had never been', () => {
    fc.assert(
      fc.property(uniqueRows, (rows) => {
        expect(inventoryText(rows)).to.equal(inventoryText(rows.filter((each) => each.fate !== 'lost')));
      }),
    );
  });

  it('has different texts for different contents', () => {
    fc.assert(
      fc.property(uniqueRows, uniqueRows, (left, right) => {
        const facts = (rows: readonly PeerRow[]): string[] =>
          rows
            .filter((each) => each.fate !== 'lost')
            .map((each) => JSON.stringify([each.workload, each.origin, each.version, each.sha256]))
            .sort();
        const areEqual = JSON.stringify(facts(left)) === JSON.stringify(facts(right));
        expect(inventoryText(left) === inventoryText(right)).to.equal(areEqual);
      }),
    );
  });
});
