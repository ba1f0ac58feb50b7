import { expect } from 'chai';
import fc from 'fast-check';
import {
  addKey,
  dropKeys,
  keyFileText,
  parseKeyFile,
  useKey,
  type KeyEntry,
} from '../../../../src/cli/keys/key-file.ts';
import { parsePeerKeys } from '../../../../src/core/peer-keys.ts';

const items = (keys: readonly KeyEntry[]): string[] =>
  keys.map(({ item, mark }) => (mark === null ? item : `${item} ${mark}`));

describe('a file of keys', () => {
  it('keeps what people wrote, with the key that it stands before', () => {
    const text = '# about the file\n\n# first\n# still first\nA\n# second\nB\n# at the end\n';
    const file = parseKeyFile(text);
    expect(file.header).to.deep.equal(['# about the file']);
    expect(file.keys.map(({ item, comments }) => [item, comments])).to.deep.equal([
      ['A', ['# first', '# still first']],
      ['B', ['# second']],
    ]);
    expect(file.footer).to.deep.equal(['# at the end']);
    expect(keyFileText(file)).to.equal(text);
  });

  it('without an empty line has no header: its comments belong to the first key and go with it', () => {
    const file = parseKeyFile('# of A\nA\nB\n');
    expect(file.header).to.deep.equal([]);
    expect(keyFileText({ ...file, keys: [...file.keys].reverse() })).to.equal('B\n# of A\nA\n');
  });

  it('has the keys that the gateway reads, in the same order, however they are separated', () => {
    const key = fc
      .string({ unit: fc.constantFrom(...'abcdefghijklmnop0123456789_-#:'.split('')), minLength: 32, maxLength: 40 })
      .filter((text) => !text.startsWith('#'));
    const between = fc.constantFrom(',', ' ', '\n', '\r\n', ' , ', '\n# a comment, with a comma\n', '\n\n', '\t');
    fc.assert(
      fc.property(fc.array(fc.tuple(key, between), { minLength: 1, maxLength: 6 }), (pieces) => {
        const text = pieces.flat().join('');
        const read = parsePeerKeys(text);
        fc.pre(!(read instanceof Error));
        const ours = parseKeyFile(text);
        expect(ours.keys.map(({ item }) => item)).to.deep.equal(
          read.map((one) => (one.kind === 'shared' ? one.secret.reveal() : '')),
        );
        // Written again it still has the same keys.
        expect(parseKeyFile(keyFileText(ours))).to.deep.equal(ours);
      }),
      { numRuns: 500 },
    );
  });

  it('is rotated in three steps: added last, then first, then alone; and each mark survives the file', () => {
    const start = parseKeyFile('# about\n\n# of A\nA\n');
    const again = (keys: readonly KeyEntry[]): readonly KeyEntry[] =>
      parseKeyFile(keyFileText({ ...start, keys })).keys;
    const added = again(addKey(start.keys, 'B', ['# of B']));
    expect(items(added)).to.deep.equal(['A', 'B next']);
    const used = again(useKey(added));
    expect(items(used)).to.deep.equal(['B', 'A old']);
    expect(items(again(useKey(used)))).to.deep.equal(['B', 'A old']);
    const dropped = again(dropKeys(used));
    expect(items(dropped)).to.deep.equal(['B']);
    expect(keyFileText({ ...start, keys: dropped })).to.equal('# about\n\n# of B\nB\n');
  });
});
