import { expect } from 'chai';
import { createHash } from 'node:crypto';
import { booksTable, ordersIn, sameBooks } from '../../../../src/cli/demo/books-text.ts';
import { BOOKS, OrderBooks } from '../../../../src/cli/demo/order-books.ts';
import { configText } from '../../../../src/cli/demo/settings.ts';
import { newSharedKeyFile } from '../../../../src/cli/keys/texts.ts';
import { timelineLine } from '../../../../src/cli/demo/timeline.ts';
import { loadConfig } from '../../../../src/config/load.ts';

function traded(dataCenter: string, orders: number): OrderBooks {
  const books = new OrderBooks();
  for (let placed = 0; placed < orders; placed += 1) books.place(dataCenter);
  return books;
}

describe("the demo's order books", () => {
  it('have the digest of their snapshot as the checksum of their state', () => {
    const books = traded('dc1', 10);
    for (const { book, sha256 } of books.summaries()) {
      expect(createHash('sha256').update(books.snapshot('dc1', book)).digest('hex')).to.equal(sha256);
    }
    expect(ordersIn(books.summaries())).to.equal(10);
  });

  it('are the same in the other data centre once every snapshot was absorbed, in any order and twice', () => {
    const home = traded('dc1', 31);
    const away = traded('dc2', 5);
    const own = away.summaries();
    for (const book of [...BOOKS].reverse()) away.absorb(home.snapshot('dc1', book));
    away.absorb(home.snapshot('dc1', BOOKS[0]));
    expect(
      sameBooks(
        away.summaries().filter(({ dataCenter }) => dataCenter === 'dc1'),
        home.summaries(),
      ),
    ).to.equal(true);
    expect(away.summaries().filter(({ dataCenter }) => dataCenter === 'dc2')).to.deep.equal(own);
  });

  it('go on after the last order that came back', () => {
    const home = traded('dc1', 9);
    const back = new OrderBooks();
    for (const book of BOOKS) back.absorb(home.snapshot('dc1', book));
    for (let placed = 0; placed < 3; placed += 1) back.place('dc1');
    expect(ordersIn(back.summaries())).to.equal(12);
  });

  it('of a new epoch take the place of those that were there, and leave the other data centres alone', () => {
    const books = traded('dc1', 30);
    for (const book of BOOKS) books.absorb(traded('dc2', 4).snapshot('dc2', book));
    const newer = traded('dc1', 2);
    books.absorb(newer.snapshot('dc1', 'equities'), { insteadOf: 'dc1' });
    const [left, ...others] = books.summaries();
    expect([left?.book, left?.orders]).to.deep.equal(['equities', 1]);
    expect(others.map(({ dataCenter }) => dataCenter)).to.deep.equal(['dc2', 'dc2', 'dc2']);
  });

  it('differ when one order does', () => {
    expect(sameBooks(traded('dc1', 9).summaries(), traded('dc1', 10).summaries())).to.equal(false);
    expect(sameBooks(traded('dc1', 9).summaries(), [])).to.equal(false);
  });

  it('refuse bytes that are no book, and are then as they were', () => {
    const books = traded('dc1', 3);
    const before = books.summaries();
    for (const text of ['', 'null', '{}', '{"dataCenter":"dc1","book":"bonds","orders":[{"number":1}]}']) {
      expect(() => books.absorb(Buffer.from(text)), text).to.throw();
    }
    expect(books.summaries()).to.deep.equal(before);
  });

  it('are shown with their totals', () => {
    const [heading, ...rows] = booksTable([
      { dataCenter: 'dc1', book: 'bonds', orders: 2, totalCents: 123_456_705, sha256: 'ab'.repeat(32) },
    ]);
    expect(heading).to.match(/^BOOK +ORDERS +TOTAL +CHECKSUM$/);
    expect(rows).to.deep.equal(['dc1 bonds       2  1,234,567.05  abababababababab']);
  });
});

describe("the demo's configuration", () => {
  it('is accepted without a problem and without a warning', () => {
    const sites = ['dc1', 'dc2'].map((name, index) => ({
      name,
      peerPort: 20_001 + index,
      localPort: 20_101 + index,
      stateDirectory: `/tmp/a b/${name}`,
      keyFile: '/tmp/a b/peer.keys',
    }));
    const files = new Map([
      ['/x/dc1.conf', configText(sites[0]!, sites[1]!)],
      ['/tmp/a b/peer.keys', newSharedKeyFile(0).text],
    ]);
    const loaded = loadConfig({
      configFile: '/x/dc1.conf',
      readFile: (path) => files.get(path) ?? missing(),
    });
    expect(loaded).to.include({ ok: true });
    expect(loaded.ok && loaded.config.peerAuth).to.equal('key');
    expect(loaded.warnings).to.deep.equal([]);
  });
});

describe('the timeline', () => {
  it('has the time to the millisecond', () => {
    expect(timelineLine(1234.4, 'dc1', 'is up')).to.equal('    1.234 s  dc1   is up');
  });
});

function missing(): never {
  throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
}
