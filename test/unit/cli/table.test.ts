import { expect } from 'chai';
import { displayWidth, printable } from '../../../src/cli/display-width.ts';
import { alignColumns, table } from '../../../src/cli/table.ts';

describe('tables for people', () => {
  it('count a wide character as two columns, a combining one as none and a color as none', () => {
    expect(displayWidth('abc')).to.equal(3);
    expect(displayWidth('東京')).to.equal(4);
    expect(displayWidth('e\u0301')).to.equal(1);
    expect(displayWidth('🚢')).to.equal(2);
    expect(displayWidth('\u001b[31mdown\u001b[0m')).to.equal(4);
  });

  it('align by what a terminal shows, not by length', () => {
    expect(
      alignColumns([
        ['東京', 'x'],
        ['ab', 'y'],
        ['\u001b[31mab\u001b[0m', 'z'],
      ]),
    ).to.deep.equal(['東京  x', 'ab    y', '\u001b[31mab\u001b[0m    z']);
  });

  it('align a column to the right whose heading says so, and leave no blanks at the end of a line', () => {
    expect(
      table(
        ['NAME', '>BYTES', 'NOTE'],
        [
          ['a', '5', '-'],
          ['bc', '1234567', 'long note'],
        ],
      ),
    ).to.deep.equal(['NAME    BYTES  NOTE', 'a           5  -', 'bc    1234567  long note']);
  });

  it('show what could move the cursor or turn the writing around by its number', () => {
    expect(printable('a\u001b[2Jb\u202Ec\nd')).to.equal('a\\u{1b}[2Jb\\u{202e}c\\u{a}d');
    expect(printable('東京 ü 🚢')).to.equal('東京 ü 🚢');
  });
});
