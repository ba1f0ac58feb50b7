import { table } from '../table.ts';
import type { BookSummary } from './order-books.ts';

/** The books as a table, each with the checksum of its state. */
export function booksTable(books: readonly BookSummary[]): string[] {
  return table(
    ['BOOK', '>ORDERS', '>TOTAL', 'CHECKSUM'],
    books.map((book) => [
      `${book.dataCenter} ${book.book}`,
      String(book.orders),
      formatCents(book.totalCents),
      book.sha256.slice(0, 16),
    ]),
  );
}

/** Whether two states are the same, book by book. */
export function sameBooks(a: readonly BookSummary[], b: readonly BookSummary[]): boolean {
  return a.length === b.length && a.every((book, index) => isSame(book, b[index]));
}

function isSame(a: BookSummary, b: BookSummary | undefined): boolean {
  return a.dataCenter === b?.dataCenter && a.book === b.book && a.orders === b.orders && a.sha256 === b.sha256;
}

export function ordersIn(books: readonly BookSummary[]): number {
  return books.reduce((sum, book) => sum + book.orders, 0);
}

function formatCents(cents: number): string {
  const whole = Math.floor(cents / 100)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ',');
  return `${whole}.${String(cents % 100).padStart(2, '0')}`;
}
