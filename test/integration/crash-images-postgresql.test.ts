import { expect } from 'chai';
import { Client } from 'pg';
import type { SnapshotKey } from '../../src/core/snapshot.ts';
import { contentOf, keyOf, placesOf, put, refusal, someBytes } from '../contract/snapshot-content.ts';
import type { PostgresSnapshotStore } from '../../src/adapters/postgresql/snapshot-store.ts';
import { statementOf } from '../support/kill-points/labels.mjs';
import { openStore, TABLE, versionOf } from '../support/postgres-store.ts';
import { PostgresServer } from '../support/postgres-server.ts';
import type { TestDatabase } from '../support/test-database.ts';

const SMALL = Buffer.from('new');
/** Several pieces: it is copied in, in a transaction of its own. */
const LARGE = someBytes(2_500_000);
const OLD = ['2 live', '1 live'];
/** Never fewer than there were: an enumeration that shrinks proves less, and nobody would notice. */
const IMAGES_LEAST = 40;

interface Scenario {
  readonly title: string;
  readonly before?: (database: TestDatabase, key: SnapshotKey) => Promise<unknown>;
  readonly act: (store: PostgresSnapshotStore, key: SnapshotKey) => Promise<unknown>;
  readonly done: readonly string[];
  /** Version 2 was damaged before: it may be refused when it is read. */
  readonly isDamaged?: boolean;
}

const SCENARIOS: readonly Scenario[] = [
  { title: 'a small version is put', act: (store, key) => put(store, 3, SMALL, { key }), done: ['3 live', ...OLD] },
  { title: 'a large version is put', act: (store, key) => put(store, 4, LARGE, { key }), done: ['4 live', ...OLD] },
  {
    title: 'a withdrawal is put',
    act: (store, key) => put(store, 5, '', { key }),
    done: ['5 live', '2 set-aside', '1 set-aside'],
  },
  {
    title: 'a version is moved',
    act: (store, key) => store.move(key, 2, { place: 'quarantined', reason: 'rejected' }),
    done: ['2 quarantined', '1 live'],
  },
  { title: 'a version is removed', act: (store, key) => store.remove(key, 1), done: ['2 live'] },
  {
    title: 'a damaged version is lost',
    before: (database, key) => {
      const [where, values] = versionOf(key, 2);
      const ofVersion = `snapshot = (SELECT id FROM ${TABLE} WHERE ${where})`;
      return database.query(`UPDATE ${TABLE}_chunk SET bytes = set_byte(bytes, 0, 88) WHERE ${ofVersion}`, values);
    },
    act: async (store, key) => {
      expect(await refusal(store.open(key, 2))).to.equal('snapshot-damaged');
    },
    done: ['2 lost', '1 live'],
    isDamaged: true,
  },
];

const CONTENTS = new Map<number, Buffer>([
  [1, Buffer.from('one')],
  [2, Buffer.from('two')],
  [3, SMALL],
  [4, LARGE],
  [5, Buffer.alloc(0)],
]);

/** Looks at every statement of this process, and kills the server at the one of a label. */
class Statements {
  passed: string[] = [];
  readonly #counts = new Map<string, number>();
  #kill: string | null = null;
  #isOn = false;
  readonly #server: PostgresServer;
  // The original is called with the client that it was asked of.
  // eslint-disable-next-line @typescript-eslint/unbound-method
  readonly #query = Client.prototype.query as (this: Client, ...args: unknown[]) => unknown;

  constructor(server: PostgresServer) {
    this.#server = server;
    const ask = (client: Client, args: unknown[]): unknown => this.#ask(client, args);
    Client.prototype.query = function (this: Client, ...args: unknown[]): unknown {
      return ask(this, args);
    } as typeof Client.prototype.query;
  }

  restore(): void {
    Client.prototype.query = this.#query as typeof Client.prototype.query;
  }

  watch(kill: string | null): void {
    this.passed = [];
    this.#counts.clear();
    this.#kill = kill;
    this.#isOn = true;
  }

  ignore(): void {
    this.#isOn = false;
  }

  #ask(client: Client, args: unknown[]): unknown {
    const kind = this.#isOn ? statementOf(args[0]) : null;
    if (kind === null) return this.#query.apply(client, args);
    const count = (this.#counts.get(kind) ?? 0) + 1;
    this.#counts.set(kind, count);
    const name = count === 1 ? kind : `${kind} (${count})`;
    const isStream = typeof args[0] === 'object' && args[0] !== null && 'submit' in args[0];
    // A COPY out changes nothing; its stream is the answer.
    if (isStream) return this.#query.apply(client, args);
    return this.#around(client, name, args);
  }

  async #around(client: Client, name: string, args: unknown[]): Promise<unknown> {
    await this.#pass(`before ${name}`);
    const result = await (this.#query.apply(client, args) as Promise<unknown>);
    await this.#pass(`after ${name}`);
    return result;
  }

  async #pass(label: string): Promise<void> {
    if (!this.#isOn) return;
    this.passed.push(label);
    if (label !== this.#kill) return;
    this.#isOn = false;
    await this.#server.kill();
  }
}

describe('A store in PostgreSQL whose server is killed before or after any statement', function () {
  this.timeout(120_000);
  let server: PostgresServer;
  let database: TestDatabase;
  let statements: Statements;
  let images = 0;

  before(async function () {
    this.timeout(120_000);
    server = await PostgresServer.start({ durable: true });
    database = await server.createDatabase();
    statements = new Statements(server);
  });
  after(async () => {
    statements.restore();
    await server.dispose();
    console.log(`      database crash images: ${images}`);
  });

  async function prepared(store: PostgresSnapshotStore, scenario: Scenario, key: SnapshotKey): Promise<void> {
    await put(store, 1, 'one', { key });
    await put(store, 2, 'two', { key });
    await scenario.before?.(database, key);
  }

  async function assertContents(store: PostgresSnapshotStore, key: SnapshotKey, isDamaged: boolean): Promise<void> {
    for (const { version, place } of store.rowsOf(key)) {
      if (place === 'lost') continue;
      if (isDamaged && version === 2) expect(await refusal(store.open(key, 2))).to.equal('snapshot-damaged');
      else expect((await contentOf(store, key, version)).equals(CONTENTS.get(version)!), `${version}`).to.equal(true);
    }
  }

  for (const [number, scenario] of SCENARIOS.entries()) {
    it(`has the old state or the new one, each whole, when ${scenario.title}`, async () => {
      let store = await openStore(database.url);
      const recorded = keyOf(`${number}-recorded`);
      await prepared(store, scenario, recorded);
      statements.watch(null);
      await scenario.act(store, recorded);
      statements.ignore();
      expect(placesOf(store, recorded)).to.deep.equal(scenario.done);
      const labels = [...statements.passed];
      expect(labels).to.include.members(['before sql BEGIN', 'before sql COMMIT', 'after sql COMMIT']);
      const seen = new Set<string>();

      for (const [i, label] of labels.entries()) {
        const key = keyOf(`${number}-${i}`);
        await prepared(store, scenario, key);
        statements.watch(label);
        const isDone = await scenario.act(store, key).then(
          () => true,
          () => false,
        );
        statements.ignore();
        await store.close();
        await server.start();
        images += 1;
        store = await openStore(database.url);
        const places = placesOf(store, key);
        seen.add(places.join());
        const promised = isDone && scenario.isDamaged !== true;
        const allowed = promised ? [scenario.done] : [OLD, scenario.done];
        expect(allowed.map(String), label).to.include(String(places));
        await assertContents(store, key, scenario.isDamaged === true);
        // Nothing of the rows or the pieces of an unfinished transaction is left.
        const orphans = await database.query(
          `SELECT 1 FROM ${TABLE}_chunk c LEFT JOIN ${TABLE} s ON s.id = c.snapshot WHERE s.id IS NULL`,
        );
        expect(orphans, label).to.deep.equal([]);
        await put(store, 9, 'next', { key });
        expect((await contentOf(store, key, 9)).toString()).to.equal('next');
      }
      await store.close();
      expect([...seen].sort()).to.deep.equal([OLD.join(), scenario.done.join()].sort());
    });
  }

  it('was tried with every statement that there is', () => {
    expect(images).to.be.at.least(IMAGES_LEAST);
  });
});
