import { expect } from 'chai';
import type { Records } from '../../src/ports/records.ts';
import { refusal } from './snapshot-content.ts';

export interface RecordsHarness {
  /** Records over what is durable now, as after a restart. */
  open(): Promise<Records>;
  /** Puts a text in place of the record's, behind its back. */
  damage(name: string, text: string): void;
  failNext(code: 'store-full' | 'store-unavailable'): void;
  /** How many writes reached the disk. */
  writes(): number;
}

/** The behaviour of every keeper of records. */
export function recordsContract(name: string, make: () => RecordsHarness): void {
  describe(`Records in ${name}`, () => {
    let harness: RecordsHarness;
    let records: Records;

    beforeEach(async () => {
      harness = make();
      records = await harness.open();
    });

    it('give back what was written, also after a restart', async () => {
      const value = { state: 'down', list: [1, 2, { deep: null }], text: 'ü😀\n', '0': 'zero', __proto__x: true };
      await records.write('peers/dc2', value);
      expect(await records.read('peers/dc2')).to.deep.equal(value);
      records = await harness.open();
      expect(await records.read('peers/dc2')).to.deep.equal(value);
    });

    it('give nothing where there is none', async () => {
      expect(await records.read('peers/dc2')).to.equal(undefined);
      expect(await records.list('peers')).to.deep.equal([]);
    });

    it('keep what was given, not what the caller makes of it afterwards', async () => {
      const value = { count: 1 };
      const written = records.write('gateway', value);
      value.count = 2;
      await written;
      expect(await records.read('gateway')).to.deep.equal({ count: 1 });
    });

    it('keep the last of many writes, and read what was written before', async () => {
      const writes = Array.from({ length: 50 }, (_, i) => records.write('gateway', { i }));
      expect(await records.read('gateway')).to.deep.equal({ i: 49 });
      await Promise.all(writes);
      records = await harness.open();
      expect(await records.read('gateway')).to.deep.equal({ i: 49 });
      expect(harness.writes()).to.be.lessThan(10);
    });

    it('list whole names below a folder, sorted', async () => {
      for (const each of ['peers/dc3', 'peers/dc2', 'peers/lost/dc9', 'gateway', 'peers-old/x'])
        await records.write(each, 1);
      expect(await records.list('peers')).to.deep.equal(['peers/dc2', 'peers/dc3', 'peers/lost/dc9']);
      expect(await records.list('')).to.deep.equal([
        'gateway',
        'peers-old/x',
        'peers/dc2',
        'peers/dc3',
        'peers/lost/dc9',
      ]);
    });

    it('forget what is removed, twice without harm, in the order of the calls', async () => {
      const work = [
        records.write('a', 1),
        records.remove('a'),
        records.write('b', 1),
        records.remove('b'),
        records.write('b', 2),
      ];
      await Promise.all(work);
      await records.remove('a');
      records = await harness.open();
      expect(await records.list('')).to.deep.equal(['b']);
      expect(await records.read('b')).to.equal(2);
    });

    it('refuse names that are none, as a defect', async () => {
      const bad = [
        '',
        '.',
        '..',
        '../x',
        'a/../b',
        '/a',
        'a/',
        'a//b',
        'A',
        'ä',
        '.tmp/x',
        'a/b/c/d',
        'x'.repeat(121),
        'a b',
        'a\0',
      ];
      for (const each of bad) {
        for (const use of [() => records.read(each), () => records.write(each, 1), () => records.remove(each)]) {
          const error: unknown = await use().then(
            () => null,
            (reason: unknown) => reason,
          );
          expect(error, JSON.stringify(each)).to.be.instanceOf(RangeError);
        }
      }
      for (const good of ['a', 'a/b/c', `peers/${'x'.repeat(120)}`, 'a.b_c-9']) {
        await records.write(good, good);
        expect(await records.read(good)).to.equal(good);
      }
    });

    it('count a damaged one as missing, and take it again', async () => {
      await records.write('gateway', { incarnation: 5 });
      harness.damage('gateway', '{"value": {"incarn');
      expect(await records.read('gateway')).to.equal(undefined);
      expect(await records.list('')).to.deep.equal([]);
      await records.write('gateway', { incarnation: 6 });
      expect(await records.read('gateway')).to.deep.equal({ incarnation: 6 });
    });

    it('refuse a write when the disk is full or broken, keep what was before, and go on', async () => {
      await records.write('gateway', 1);
      for (const code of ['store-full', 'store-unavailable'] as const) {
        harness.failNext(code);
        expect(await refusal(records.write('gateway', 2))).to.equal(code);
        expect(await records.read('gateway')).to.equal(1);
      }
      const failing = (harness.failNext('store-full'), records.write('gateway', 2));
      const following = records.write('gateway', 3);
      expect(await refusal(failing)).to.equal('store-full');
      await following;
      records = await harness.open();
      expect(await records.read('gateway')).to.equal(3);
    });
  });
}
