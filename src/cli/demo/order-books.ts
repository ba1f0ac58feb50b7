import { createHash } from 'node:crypto';

/**
 * The state of the demo's application: order books, each of one data centre's. A book is a snapshot's origin, and its
 * bytes are the book in one canonical form; so the digest of a snapshot is the checksum of the state itself.
 */
export interface Order {
  /** Unique within its book. */
  readonly number: number;
  readonly product: string;
  readonly quantity: number;
  readonly priceCents: number;
}

export interface BookSummary {
  readonly dataCenter: string;
  readonly book: string;
  readonly orders: number;
  readonly totalCents: number;
  /** Of the book's canonical form, hexadecimal. */
  readonly sha256: string;
}

export const BOOKS = ['bonds', 'equities', 'metals'] as const;

/** Bounds what a demo that is kept running for days holds and ships. */
const BOOK_MAX_ORDERS = 10_000;

const PRODUCTS: Readonly<Record<string, readonly string[]>> = {
  bonds: ['2-year note', '10-year note', '30-year bond'],
  equities: ['steamship company', 'railway', 'telegraph company'],
  metals: ['copper', 'silver', 'tin'],
};

interface Book {
  readonly dataCenter: string;
  readonly name: string;
  readonly orders: Map<number, Order>;
}

export class OrderBooks {
  readonly #books = new Map<string, Book>();
  #placed = 0;

  /** Takes one more order into one of a data centre's books, in turn; null when that book is full. */
  place(dataCenter: string): Order | null {
    this.#placed += 1;
    const name = BOOKS[this.#placed % BOOKS.length] ?? BOOKS[0];
    const { orders } = this.#open(dataCenter, name);
    if (orders.size >= BOOK_MAX_ORDERS) return null;
    // Numbers of a book have no gaps, whoever brought its orders.
    const number = orders.size + 1;
    const products = PRODUCTS[name] ?? [name];
    const order: Order = {
      number,
      product: products[number % products.length] ?? name,
      quantity: 1 + ((number * 7) % 40),
      priceCents: 1000 + ((number * 7919) % 90_000),
    };
    orders.set(number, order);
    return order;
  }

  /** The bytes of one of a data centre's books, as its snapshot. */
  snapshot(dataCenter: string, name: string): Buffer {
    return encode(this.#open(dataCenter, name));
  }

  /**
   * Merges a book that a snapshot brought. Absorbing the same one again changes nothing.
   *
   * @param options `insteadOf`: all that was there of that data centre's books gives way
   * @throws Error when the bytes are no book; then nothing has changed
   */
  absorb(bytes: Uint8Array, options: { readonly insteadOf?: string } = {}): void {
    const incoming = decode(bytes);
    if (options.insteadOf !== undefined) this.forget(options.insteadOf);
    const { orders } = this.#open(incoming.dataCenter, incoming.name);
    for (const order of incoming.orders) orders.set(order.number, order);
  }

  /** Leaves nothing of a data centre's books. */
  forget(dataCenter: string): void {
    for (const [key, book] of this.#books) if (book.dataCenter === dataCenter) this.#books.delete(key);
  }

  summaries(): BookSummary[] {
    return [...this.#books.values()]
      .map((book) => ({
        dataCenter: book.dataCenter,
        book: book.name,
        orders: book.orders.size,
        totalCents: [...book.orders.values()].reduce((sum, order) => sum + order.quantity * order.priceCents, 0),
        sha256: createHash('sha256').update(encode(book)).digest('hex'),
      }))
      .sort((a, b) => (`${a.dataCenter}/${a.book}` < `${b.dataCenter}/${b.book}` ? -1 : 1));
  }

  #open(dataCenter: string, name: string): Book {
    const key = `${dataCenter}/${name}`;
    const known = this.#books.get(key) ?? { dataCenter, name, orders: new Map<number, Order>() };
    this.#books.set(key, known);
    return known;
  }
}

function encode({ dataCenter, name, orders }: Book): Buffer {
  const rows = [...orders.values()]
    .sort((a, b) => a.number - b.number)
    .map(({ number, product, quantity, priceCents }) => ({ number, product, quantity, priceCents }));
  return Buffer.from(`${JSON.stringify({ dataCenter, book: name, orders: rows }, null, 1)}\n`);
}

function decode(bytes: Uint8Array): { dataCenter: string; name: string; orders: Order[] } {
  const value = JSON.parse(Buffer.from(bytes).toString('utf8')) as Record<string, unknown> | null;
  if (
    value === null ||
    typeof value.dataCenter !== 'string' ||
    typeof value.book !== 'string' ||
    !Array.isArray(value.orders)
  ) {
    throw new Error('the snapshot is no order book');
  }
  return { dataCenter: value.dataCenter, name: value.book, orders: value.orders.map(decodeOrder) };
}

function decodeOrder(value: unknown): Order {
  const { number, product, quantity, priceCents } = value as Partial<Record<keyof Order, unknown>>;
  if (
    typeof number !== 'number' ||
    typeof product !== 'string' ||
    typeof quantity !== 'number' ||
    typeof priceCents !== 'number'
  ) {
    throw new Error('the order book has something in it that is no order');
  }
  return { number, product, quantity, priceCents };
}
