import { posix, win32 } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { LONGEST_SEGMENT, pathSegment, textOfSegment } from '../../../../src/adapters/file/path-segment.ts';

/** What somebody would try who wants out of the folder, among all other texts. */
const hostile = fc
  .array(
    fc.oneof(
      fc.constantFrom('..', '/', '\\', '%2e', '%2F', '\0', '~', '.', 'C:', ':', ' '),
      fc.string({ unit: 'binary' }),
    ),
    {
      minLength: 1,
    },
  )
  .map((parts) => parts.join('').toWellFormed())
  .filter((each) => each !== '');
const text = fc.string({ unit: 'binary', maxLength: 260 }).filter((each) => each.isWellFormed());

describe('The folder name of an origin', () => {
  it('is the origin itself where that is harmless', () => {
    for (const origin of ['orders', 'a.b_c-9', 'A', '0', 'x'.repeat(200), 'a..b'])
      expect(pathSegment(origin)).to.equal(origin);
  });

  it('has nothing that means something to a file system', () => {
    expect(pathSegment('../x')).to.equal('%2E.%2Fx');
    expect(pathSegment('..')).to.equal('%2E.');
    expect(pathSegment('.tmp')).to.equal('%2Etmp');
    expect(pathSegment('%2e')).to.equal('%252e');
    expect(pathSegment('~')).to.equal('%7E');
    expect(pathSegment('ü')).to.equal('%C3%BC');
    fc.assert(
      fc.property(text, (origin) => /^[A-Za-z0-9_%-][A-Za-z0-9._%~-]*$/.test(pathSegment(origin)) || origin === ''),
    );
  });

  it('never has more than 200 characters', () => {
    fc.assert(fc.property(text, (origin) => pathSegment(origin).length <= LONGEST_SEGMENT));
    expect(pathSegment('😀'.repeat(50))).to.match(/^(%[0-9A-F]{2})+~[0-9a-f]{64}$/);
  });

  it('is another one for another origin, also where it was cut', () => {
    fc.assert(fc.property(text, text, (a, b) => a === b || pathSegment(a) !== pathSegment(b)));
    const cut = pathSegment(`${'ü'.repeat(99)}a`);
    expect(pathSegment(`${'ü'.repeat(99)}b`)).to.not.equal(cut);
    // A text that is spelled like a cut name is not taken for it.
    expect(pathSegment(cut)).to.not.equal(cut);
  });

  it('stays below the folder that it is put in, whatever the origin is', () => {
    const root = '/state/held';
    for (const system of [posix, win32])
      fc.assert(
        fc.property(hostile, (origin) => {
          const path = system.join(root, pathSegment(origin));
          return system.dirname(path).replaceAll('\\', '/') === root;
        }),
      );
  });

  it('is another one also to a file system that takes different spellings of a character for one', () => {
    const forms = ['NFC', 'NFD', 'NFKC', 'NFKD'] as const;
    fc.assert(
      fc.property(hostile, (origin) =>
        forms.every((form) => pathSegment(origin).normalize(form) === pathSegment(origin)),
      ),
    );
    expect(pathSegment('\u00e9')).to.not.equal(pathSegment('e\u0301'));
  });

  it('tells upper from lower case, as the file system has to (docs/limits.md)', () => {
    expect(pathSegment('Orders')).to.not.equal(pathSegment('orders'));
    expect(pathSegment('Orders').toLowerCase()).to.equal(pathSegment('orders'));
  });

  it('tells the origin again unless it was cut, and of a name that was not made here nothing', () => {
    const origin = text.filter((each) => each !== '');
    fc.assert(
      fc.property(
        origin,
        (each) => textOfSegment(pathSegment(each)) === (pathSegment(each).includes('~') ? null : each),
      ),
    );
    for (const name of ['', '.', '.tmp', '%2e', 'a b', '%zz', '%41', 'ü', 'x~y', 'x'.repeat(201)])
      expect(textOfSegment(name), name).to.equal(null);
  });
});
