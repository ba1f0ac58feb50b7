import { expect } from 'chai';
import fc from 'fast-check';
import { FILE_MAX_BYTES, parseLines } from '../../../src/config/parser.ts';
import { RANK } from '../../../src/config/problem.ts';

const FILE = { name: 'a.conf', rank: RANK.file };
const rowsOf = (text: string): (string | number | null)[][] =>
  parseLines(text, FILE).lines.map(({ key, value, place }) => [key, value, place.line]);
const problemsOf = (text: string): string[] =>
  parseLines(text, FILE).problems.map(({ place, message }) => `${place.line}: ${message}`);

describe('the parser of configuration files', () => {
  it('gives each key with its value and its line', () => {
    expect(rowsOf('a=1\n\n# a comment\nb=2')).to.deep.equal([
      ['a', '1', 1],
      ['b', '2', 4],
    ]);
  });

  it('takes everything after the first = as the value', () => {
    expect(rowsOf('url=http://h/?a=b&c=d#e')).to.deep.equal([['url', 'http://h/?a=b&c=d#e', 1]]);
  });

  it('keeps a # that is not at the start of a line', () => {
    expect(rowsOf('a=1 # one')).to.deep.equal([['a', '1 # one', 1]]);
  });

  it('takes a # after blanks as the start of a comment', () => {
    expect(rowsOf('  \t# a=1')).to.deep.equal([]);
  });

  it('trims blanks and tabs around key and value, and keeps those within', () => {
    expect(rowsOf(' \ta \t=\t b \t c ')).to.deep.equal([['a', 'b \t c', 1]]);
  });

  it('tolerates a byte order mark, CRLF and a missing end of the last line', () => {
    expect(rowsOf('\uFEFFa=1\r\nb=2\r\nc=3')).to.deep.equal([
      ['a', '1', 1],
      ['b', '2', 2],
      ['c', '3', 3],
    ]);
  });

  it('keeps an empty value and both of two equal keys, for others to judge', () => {
    expect(rowsOf('a=\na=2')).to.deep.equal([
      ['a', '', 1],
      ['a', '2', 2],
    ]);
  });

  it('says which lines are no key=value, and reads the others', () => {
    expect(problemsOf('a=1\nnonsense\n=3\nb=2')).to.deep.equal([
      '2: is no key=value; a comment begins with #',
      '3: has no key before its =',
    ]);
    expect(rowsOf('a=1\nnonsense\nb=2')).to.have.length(2);
  });

  it('does not repeat what stands on a faulty line, because it may be a secret', () => {
    expect(problemsOf('localApiToken hunter2').join()).not.to.contain('hunter2');
  });

  for (const [name, text] of [
    ['a NUL', 'a=1\u00002'],
    ['an escape', 'a=\u001b[31m'],
    ['a lone carriage return', 'a=1\rb=2'],
    ['a C1 control', 'a=\u009b'],
    ['a control in a comment', '# \u0007'],
  ] as const) {
    it(`refuses a line with ${name}`, () => {
      expect(problemsOf(text)).to.have.length(1);
      expect(problemsOf(text)[0]).to.match(/^1: has a control character/);
    });
  }

  it('refuses a text that is larger than any configuration', () => {
    expect(problemsOf('#'.repeat(FILE_MAX_BYTES))).to.deep.equal([]);
    expect(problemsOf('#'.repeat(FILE_MAX_BYTES + 1))).to.have.length(1);
  });

  it('stops complaining of a file that is something else altogether', () => {
    expect(problemsOf('x\n'.repeat(10_000))).to.have.length(200);
  });

  it('never throws, whatever the text, and accounts for every line', () => {
    const piece = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('\n', '\r\n', '=', '#', ' ', '\uFEFF', '\0', 'a=1\n'),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        const text = pieces.join('');
        const { lines, problems } = parseLines(text, FILE);
        const seen = [...lines, ...problems].map(({ place }) => place.line);
        expect(new Set(seen).size).to.equal(seen.length);
        expect(lines.every(({ key, value }) => key !== '' && !/[\n\r\0]/.test(key + value))).to.equal(true);
      }),
    );
  });

  it('gives back every key and value that was written', () => {
    const word = fc.string({ unit: fc.constantFrom(...Array.from('abcXYZ019.:_-/€')), minLength: 1 });
    const value = fc
      .string({ unit: fc.constantFrom(...Array.from('abc =#"\\$é')), minLength: 0 })
      .map((text) => text.trim());
    fc.assert(
      fc.property(fc.array(fc.tuple(word, value)), (rows) => {
        const text = rows.map(([key, item]) => ` ${key} = ${item}\r\n`).join('');
        expect(parseLines(text, FILE).lines.map((line) => [line.key, line.value])).to.deep.equal(rows);
      }),
    );
  });
});
