import { expect } from 'chai';
import type { SnapshotKey } from '../../src/core/snapshot.ts';
import { storedBytesOf } from '../../src/adapters/storage/encryption.ts';
import { admit } from '../../src/core/admission.ts';
import { GatewayError } from '../../src/errors.ts';
import type { SnapshotStore } from '../../src/ports/snapshot-store.ts';
import {
  chunked,
  contentOf,
  KEY,
  keyOf,
  placesOf,
  put,
  refusal,
  request,
  sha256Of,
  someBytes,
} from './snapshot-content.ts';

/** What the suite needs of an adapter: stores over one durable content, and ways to break it. */
export interface StoreHarness {
  /** A store over what is durable now, as after a restart. */
  open(options?: { maxOrigins: number }): Promise<SnapshotStore>;
  /** Changes a bit of the stored bytes behind the store's back. */
  damage(key: SnapshotKey, version: number): void | Promise<void>;
  /** Takes the stored bytes away behind the store's back. */
  lose(key: SnapshotKey, version: number): void | Promise<void>;
  failNext(code: 'store-full' | 'store-unavailable'): void | Promise<void>;
  /** Names of whatever lies half-written in the store. */
  leftovers(): string[] | Promise<string[]>;
}

const HOSTILE_ORIGINS = [
  '../x',
  '../../../etc/passwd',
  'a/b',
  'a',
  'a%2Fb',
  '%2e%2e',
  '%',
  '~',
  '.hidden',
  '.tmp',
  '...',
  'a.json',
  '1.snapshot',
  ' ',
  'a b',
  'A',
  'Ä',
  'A\u0308',
  'x'.repeat(200),
  `${'x'.repeat(199)}y`,
  'ü'.repeat(100),
  `${'ü'.repeat(99)}ö`,
  '😀',
  '😀'.repeat(50),
  'con',
  'C:\\x',
  '__proto__',
  'constructor',
  '"quoted"',
  '$(rm -rf)',
  '{}',
];

/** The behaviour of every snapshot store (interface §6). */
export function snapshotStoreContract(name: string, make: () => StoreHarness | Promise<StoreHarness>): void {
  describe(`The snapshot store in ${name}`, () => {
    let harness: StoreHarness;
    let store: SnapshotStore;

    beforeEach(async () => {
      harness = await make();
      store = await harness.open();
    });
    afterEach(() => store.close());

    const restart = async (): Promise<void> => {
      await store.close();
      store = await harness.open();
    };

    describe('takes a snapshot in', () => {
      it('with its description, and hands the same bytes out', async () => {
        const row = await put(store, 5, 'state', {
          position: 'offset 7',
          labels: { shard: '1', '0': 'zero' },
          incarnation: 9,
        });
        expect(row).to.include({
          version: 5,
          bytes: 5,
          sha256: sha256Of('state'),
          takenAt: '2026-01-02T03:04:05.678Z',
          position: 'offset 7',
        });
        expect(row).to.include({ withdrawn: false, place: 'live', deliveredBy: null, incarnation: 9 });
        expect(row.labels).to.deep.equal({ shard: '1', '0': 'zero' });
        expect(row.key).to.deep.equal(KEY);
        expect(store.rowsOf(KEY)).to.deep.equal([row]);
        expect((await contentOf(store, KEY, 5)).toString()).to.equal('state');
      });

      it('of any size, in chunks of any size', async () => {
        const sizes = [1, 4096, 65_536, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3_500_000];
        for (const [i, size] of sizes.entries()) {
          const bytes = someBytes(size, i + 1);
          await put(store, i + 1, bytes);
          expect((await contentOf(store, KEY, i + 1)).equals(bytes), `${size} bytes`).to.equal(true);
        }
        const tiny = someBytes(5000, 99);
        await store.put(request(100), chunked(tiny, 1), new AbortController().signal);
        expect((await contentOf(store, KEY, 100)).equals(tiny)).to.equal(true);
      });

      it('also when the source uses its buffer again for small chunks', async () => {
        const shared = Buffer.alloc(3);
        async function* reusing(): AsyncGenerator<Uint8Array> {
          for (const text of ['abc', 'def', 'ghi']) {
            shared.write(text);
            yield await Promise.resolve(shared);
          }
        }
        await store.put(request(1), reusing(), new AbortController().signal);
        expect((await contentOf(store, KEY, 1)).toString()).to.equal('abcdefghi');
      });

      it('and shows the same rows and bytes after a restart', async () => {
        await put(store, 1, 'one', { labels: { a: 'b' }, position: 'p' });
        await put(store, 2, 'two');
        await put(store, 7, 'seven', { key: keyOf('other', 'dc3') });
        await store.markDelivered(KEY, 1, 'd1');
        await store.move(KEY, 2, { place: 'set-aside', reason: null });
        const before = store.rows();
        await restart();
        expect(store.rows()).to.have.deep.members([...before]);
        expect((await contentOf(store, KEY, 2)).toString()).to.equal('two');
        expect(store.rows('dc3').map((row) => row.version)).to.deep.equal([7]);
        expect(store.foreign()).to.deep.equal([]);
      });

      it('calls the clock and the version only when the content is complete', async () => {
        const calls: string[] = [];
        async function* source(): AsyncGenerator<Uint8Array> {
          calls.push('content');
          yield await Promise.resolve(Buffer.from('x'));
          calls.push('end');
        }
        const asked = request(3, {
          version: (newest, content) => {
            calls.push(
              `version after ${newest?.version ?? 0} for ${content.bytes} bytes ${content.sha256.slice(0, 4)}`,
            );
            return 3;
          },
          takenAt: () => {
            calls.push('takenAt');
            return '2026-01-01T00:00:00.000Z';
          },
        });
        await store.put(asked, source(), new AbortController().signal);
        expect(calls).to.deep.equal([
          'content',
          'end',
          `version after 0 for 1 bytes ${sha256Of('x').slice(0, 4)}`,
          'takenAt',
        ]);
      });

      it('under every name that an origin may have, each apart from all others', async () => {
        for (const origin of HOSTILE_ORIGINS) await put(store, 1, `of ${origin}`, { key: keyOf(origin) });
        await restart();
        expect(store.rows().map((row) => row.key.origin)).to.have.members(HOSTILE_ORIGINS);
        for (const origin of HOSTILE_ORIGINS) {
          expect((await contentOf(store, keyOf(origin), 1)).toString()).to.equal(`of ${origin}`);
        }
        expect(store.foreign()).to.deep.equal([]);
      });

      it('but under no name that is none', async () => {
        for (const origin of ['', '.', '..', 'a\0b', 'a\nb', '\ud800', 'x'.repeat(201)]) {
          expect(await refusal(put(store, 1, 'x', { key: keyOf(origin) })), JSON.stringify(origin)).to.equal(
            'bad-request',
          );
        }
        for (const dataCenter of ['', '..', '../x', 'a/b', '.tmp']) {
          expect(await refusal(put(store, 1, 'x', { key: keyOf('a', dataCenter) })), dataCenter).to.equal(
            'bad-request',
          );
        }
        expect(store.rows()).to.deep.equal([]);
      });
    });

    describe('takes a snapshot whole or not at all', () => {
      const unchanged = async (): Promise<void> => {
        expect(placesOf(store)).to.deep.equal(['1 live']);
        expect((await contentOf(store, KEY, 1)).toString()).to.equal('before');
        expect(await harness.leftovers()).to.deep.equal([]);
        await restart();
        expect(placesOf(store)).to.deep.equal(['1 live']);
      };
      beforeEach(() => put(store, 1, 'before'));

      it('when the bytes do not match their digest', async () => {
        const expectOther = { bytes: 5, sha256: sha256Of('other') };
        expect(await refusal(put(store, 2, 'state', { expect: expectOther }))).to.equal('digest-mismatch');
        await unchanged();
      });

      it('when fewer or more bytes come than were announced, small or large', async () => {
        for (const size of [10, 2_500_000]) {
          for (const bytes of [size - 1, size + 1]) {
            expect(await refusal(put(store, 2, someBytes(size), { expect: { bytes, sha256: null } }))).to.equal(
              'digest-mismatch',
            );
          }
        }
        await unchanged();
      });

      it('when it is announced as too large, without asking for the first byte', async () => {
        let isAsked = false;
        async function* source(): AsyncGenerator<Uint8Array> {
          isAsked = true;
          yield await Promise.resolve(Buffer.from('x'));
        }
        const tooLarge = request(2, { maxBytes: 10, expect: { bytes: 11, sha256: null } });
        expect(await refusal(store.put(tooLarge, source(), new AbortController().signal))).to.equal(
          'snapshot-too-large',
        );
        expect(isAsked).to.equal(false);
        await unchanged();
      });

      it('when it turns out to be too large, before the rest has come', async () => {
        let chunks = 0;
        let isEnded = false;
        async function* endless(): AsyncGenerator<Uint8Array> {
          try {
            for (;;) {
              chunks += 1;
              yield await Promise.resolve(Buffer.alloc(100_000));
            }
          } finally {
            isEnded = true;
          }
        }
        const limited = request(2, { maxBytes: 2_500_000 });
        expect(await refusal(store.put(limited, endless(), new AbortController().signal))).to.equal(
          'snapshot-too-large',
        );
        expect(chunks).to.equal(26);
        expect(isEnded).to.equal(true);
        expect((await put(store, 2, someBytes(2_500_000), { maxBytes: 2_500_000 })).bytes).to.equal(2_500_000);
        await store.remove(KEY, 2);
        await unchanged();
      });

      it('when the source fails, early or late', async () => {
        async function* failing(bytes: number): AsyncGenerator<Uint8Array> {
          yield* chunked(someBytes(bytes));
          await Promise.reject(new Error('the line was cut'));
        }
        for (const bytes of [10, 3_000_000]) {
          expect(await refusal(store.put(request(2), failing(bytes), new AbortController().signal))).to.equal(
            'interrupted',
          );
        }
        await unchanged();
      });

      it('when it is aborted while the source hangs', async () => {
        const abort = new AbortController();
        async function* hanging(): AsyncGenerator<Uint8Array> {
          yield* chunked(someBytes(1_200_000));
          queueMicrotask(() => abort.abort());
          await new Promise(() => undefined);
        }
        expect(await refusal(store.put(request(2), hanging(), abort.signal))).to.equal('interrupted');
        expect(await refusal(store.put(request(2), chunked('x'), AbortSignal.abort()))).to.equal('interrupted');
        await unchanged();
      });

      it('when the source refuses by name, which is passed on', async () => {
        async function* refusing(): AsyncGenerator<Uint8Array> {
          yield await Promise.resolve(Buffer.from('x'));
          throw new GatewayError('busy', 'not now');
        }
        expect(await refusal(store.put(request(2), refusing(), new AbortController().signal))).to.equal('busy');
        await unchanged();
      });

      it('when the version is refused, which is passed on', async () => {
        const version = (): number => {
          throw new GatewayError('version-older', 'no');
        };
        for (const bytes of [10, 3_000_000]) {
          expect(await refusal(put(store, 2, someBytes(bytes), { version }))).to.equal('version-older');
        }
        await unchanged();
      });

      it('when the disk is full or broken, and works again afterwards', async () => {
        for (const code of ['store-full', 'store-unavailable'] as const) {
          await harness.failNext(code);
          expect(await refusal(put(store, 2, 'after'))).to.equal(code);
          await harness.failNext(code);
          expect(await refusal(store.probe())).to.equal(code);
        }
        await unchanged();
        await store.probe();
        await put(store, 2, 'after');
        expect((await contentOf(store, KEY, 2)).toString()).to.equal('after');
        expect(await harness.leftovers()).to.deep.equal([]);
      });
    });

    describe('keeps versions in order', () => {
      it('newest first, whatever the order of arrival', async () => {
        await put(store, 9, 'nine');
        await put(store, 10, 'ten');
        expect(store.rowsOf(KEY).map((row) => row.version)).to.deep.equal([10, 9]);
      });

      it('and never lets them go back, also when the caller would', async () => {
        await put(store, 5, 'five');
        expect(await refusal(put(store, 4, 'four'))).to.equal('version-older');
        expect(await refusal(put(store, 5, 'other'))).to.equal('version-conflict');
        expect(await refusal(put(store, 5, 'five'))).to.equal('version-conflict');
        expect(placesOf(store)).to.deep.equal(['5 live']);
      });

      it('when many writes of one key come at once: each sees the one before', async () => {
        const seen: number[] = [];
        const next = (newest: { version: number } | undefined): number => {
          seen.push(newest?.version ?? 0);
          return (newest?.version ?? 0) + 1;
        };
        const rows = await Promise.all(
          Array.from({ length: 40 }, (_, i) => put(store, 0, `content ${i}`, { version: next })),
        );
        expect(seen).to.deep.equal(Array.from({ length: 40 }, (_, i) => i));
        for (const row of rows) expect(sha256Of(await contentOf(store, KEY, row.version))).to.equal(row.sha256);
        expect(new Set(rows.map((row) => row.version)).size).to.equal(40);
      });

      it('without making one sender wait for another that is slow', async () => {
        let release: () => void = () => undefined;
        const held = new Promise<void>((resolve) => (release = resolve));
        async function* slow(): AsyncGenerator<Uint8Array> {
          yield Buffer.from('slow');
          await held;
        }
        const next = (newest: { version: number } | undefined): number => (newest?.version ?? 0) + 1;
        const slowPut = store.put(request(0, { version: next }), slow(), new AbortController().signal);
        expect((await put(store, 0, 'fast', { version: next })).version).to.equal(1);
        release();
        expect((await slowPut).version).to.equal(2);
      });

      it('for many keys at once', async () => {
        await Promise.all(
          Array.from({ length: 60 }, (_, i) => put(store, 1, `content ${i}`, { key: keyOf(`origin ${i}`) })),
        );
        await restart();
        expect(store.rows().length).to.equal(60);
        expect((await contentOf(store, keyOf('origin 59'), 1)).toString()).to.equal('content 59');
      });

      it('and refuses more keys than it may have, but goes on with those it has', async () => {
        await store.close();
        store = await harness.open({ maxOrigins: 3 });
        const outcomes = await Promise.allSettled(
          [1, 2, 3, 4, 5].map((i) => put(store, 1, 'x', { key: keyOf(`origin ${i}`) })),
        );
        expect(outcomes.filter((outcome) => outcome.status === 'fulfilled').length).to.equal(3);
        expect(await refusal(put(store, 1, 'x', { key: keyOf('another') }))).to.equal('store-full');
        const known = store.rows()[0]!.key;
        await put(store, 2, 'y', { key: known });
        await store.remove(known, 1);
        await store.remove(known, 2);
        await put(store, 1, 'x', { key: keyOf('another') });
      });
    });

    describe('takes an empty content as a withdrawal', () => {
      it('that sets every older live version aside, and keeps its bytes', async () => {
        await put(store, 1, 'one');
        await put(store, 2, 'two');
        await store.move(KEY, 1, { place: 'quarantined', reason: null });
        const row = await put(store, 3, '');
        expect(row).to.include({ withdrawn: true, bytes: 0, sha256: sha256Of(''), place: 'live' });
        expect(placesOf(store)).to.deep.equal(['3 live', '2 set-aside', '1 quarantined']);
        await restart();
        expect(placesOf(store)).to.deep.equal(['3 live', '2 set-aside', '1 quarantined']);
        expect((await contentOf(store, KEY, 2)).toString()).to.equal('two');
        expect((await contentOf(store, KEY, 3)).length).to.equal(0);
      });

      it('that leaves other origins and newer versions alone', async () => {
        await put(store, 1, 'other', { key: keyOf('other') });
        await put(store, 1, '');
        await put(store, 2, 'again');
        expect(placesOf(store, keyOf('other'))).to.deep.equal(['1 live']);
        expect(placesOf(store)).to.deep.equal(['2 live', '1 live']);
      });

      it('below which nothing becomes live again', async () => {
        await put(store, 1, 'one');
        await put(store, 2, '');
        await store.move(KEY, 1, { place: 'live', reason: null });
        expect(placesOf(store)).to.deep.equal(['2 live', '1 set-aside']);
      });

      it('after whose removal the older ones stay set aside', async () => {
        await put(store, 1, 'one');
        await put(store, 2, '');
        await put(store, 3, 'three');
        await store.remove(KEY, 2);
        await restart();
        expect(placesOf(store)).to.deep.equal(['3 live', '1 set-aside']);
      });
    });

    describe('verifies before the first byte is handed out', () => {
      beforeEach(async () => {
        await put(store, 1, 'one');
        await put(store, 2, 'two');
      });

      for (const how of ['damage', 'lose'] as const) {
        it(`so that a version is lost by "${how}", durably, and the one before still opens`, async () => {
          await harness[how](KEY, 2);
          expect(await refusal(store.open(KEY, 2))).to.equal('snapshot-damaged');
          expect(placesOf(store)).to.deep.equal(['2 lost', '1 live']);
          expect(await refusal(store.open(KEY, 2))).to.equal('snapshot-damaged');
          expect((await contentOf(store, KEY, 1)).toString()).to.equal('one');
          await restart();
          expect(placesOf(store)).to.deep.equal(['2 lost', '1 live']);
          expect((await contentOf(store, KEY, 1)).toString()).to.equal('one');
        });

        it(`and one that was lost by "${how}" can be filled again by the same bytes, not by others`, async () => {
          await harness[how](KEY, 2);
          await refusal(store.open(KEY, 2));
          expect(await refusal(put(store, 2, 'other'))).to.equal('version-conflict');
          const version: Parameters<typeof admit>[1] & object = { version: 2, sha256: sha256Of('two') };
          expect(admit(store.rowsOf(KEY)[0], version).kind).to.equal('store');
          await put(store, 2, 'two');
          expect(placesOf(store)).to.deep.equal(['2 live', '1 live']);
          await restart();
          expect((await contentOf(store, KEY, 2)).toString()).to.equal('two');
        });
      }

      it('also a version that is set aside or in quarantine', async () => {
        for (const place of ['set-aside', 'quarantined'] as const) {
          await store.move(KEY, 2, { place, reason: 'why' });
          expect((await contentOf(store, KEY, 2)).toString()).to.equal('two');
        }
        await harness.damage(KEY, 2);
        expect(await refusal(store.open(KEY, 2))).to.equal('snapshot-damaged');
        expect(placesOf(store)).to.deep.equal(['2 lost', '1 live']);
      });

      it('and a lost version stays lost when it is moved', async () => {
        await harness.lose(KEY, 2);
        await refusal(store.open(KEY, 2));
        await store.move(KEY, 2, { place: 'live', reason: null });
        expect(placesOf(store)).to.deep.equal(['2 lost', '1 live']);
      });

      it('and many at once see one loss', async () => {
        await harness.damage(KEY, 2);
        const codes = await Promise.all(Array.from({ length: 5 }, () => refusal(store.open(KEY, 2))));
        expect(new Set(codes)).to.deep.equal(new Set(['snapshot-damaged']));
        expect(placesOf(store)).to.deep.equal(['2 lost', '1 live']);
      });

      it('and knows no version that is not there', async () => {
        expect(await refusal(store.open(KEY, 3))).to.equal('not-found');
        expect(await refusal(store.open(keyOf('nobody'), 1))).to.equal('not-found');
      });
    });

    describe('hands out', () => {
      const bytes = someBytes(2_500_000, 3);
      beforeEach(() => put(store, 1, bytes));

      it('ranges, to the byte', async () => {
        const ranges = [
          [0, 0],
          [0, 9],
          [5, 5],
          [1_048_575, 1_048_577],
          [2_499_999, 2_499_999],
          [0, 2_499_999],
        ] as const;
        for (const [start, end] of ranges) {
          const part = await contentOf(store, KEY, 1, { start, end });
          expect(part.equals(bytes.subarray(start, end + 1)), `${start}-${end}`).to.equal(true);
        }
      });

      it('no range that lies outside', async () => {
        for (const [start, end] of [
          [0, 2_500_000],
          [-1, 3],
          [4, 3],
          [2_500_000, 2_500_000],
          [0.5, 2],
        ] as const) {
          const reader = await store.open(KEY, 1);
          expect(() => reader.stream({ start, end }))
            .to.throw(GatewayError)
            .with.property('code', 'range-not-satisfiable');
          await reader.close();
        }
      });

      it('what was opened, also when the version is removed meanwhile', async () => {
        const reader = await store.open(KEY, 1);
        const chunks: Uint8Array[] = [];
        for await (const chunk of reader.stream()) {
          if (chunks.length === 0) await store.remove(KEY, 1);
          chunks.push(chunk);
        }
        expect(Buffer.concat(chunks).equals(bytes)).to.equal(true);
      });

      it('to a reader that leaves early, or closes twice', async () => {
        const reader = await store.open(KEY, 1);
        expect(reader.snapshot.version).to.equal(1);
        for await (const chunk of reader.stream()) {
          expect(chunk.byteLength).to.be.greaterThan(0);
          break;
        }
        await reader.close();
        await reader.close();
        expect(() => reader.stream()).to.throw('once');
      });
    });

    describe('changes rows', () => {
      beforeEach(async () => {
        await put(store, 1, 'one');
        await put(store, 2, 'two');
      });

      it('to every place and back, twice the same, keeping the bytes', async () => {
        for (const place of [
          'quarantined',
          'quarantined',
          'live',
          'set-aside',
          'quarantined',
          'set-aside',
          'live',
          'live',
        ] as const) {
          await store.move(KEY, 1, { place, reason: 'why' });
          expect(placesOf(store)).to.deep.equal(['2 live', `1 ${place}`]);
          await restart();
          expect(placesOf(store)).to.deep.equal(['2 live', `1 ${place}`]);
          expect((await contentOf(store, KEY, 1)).toString()).to.equal('one');
        }
      });

      it('to note a delivery, once', async () => {
        await store.markDelivered(KEY, 1, 'd1');
        const generation = store.generation;
        await store.markDelivered(KEY, 1, 'd1');
        expect(store.generation).to.equal(generation);
        await restart();
        expect(store.rowsOf(KEY).map((row) => row.deliveredBy)).to.deep.equal([null, 'd1']);
      });

      it('by removing a version, durably, and twice without harm', async () => {
        await store.remove(KEY, 1);
        await store.remove(KEY, 1);
        await restart();
        expect(placesOf(store)).to.deep.equal(['2 live']);
        await store.remove(KEY, 2);
        expect(store.rows()).to.deep.equal([]);
        await put(store, 1, 'one again');
        await restart();
        expect((await contentOf(store, KEY, 1)).toString()).to.equal('one again');
      });

      it('and takes no notice of a version that is not there', async () => {
        await store.move(KEY, 9, { place: 'set-aside', reason: null });
        await store.markDelivered(KEY, 9, 'd1');
        await store.remove(keyOf('nobody'), 1);
        expect(placesOf(store)).to.deep.equal(['2 live', '1 live']);
      });

      it('with a generation that grows at each change, and only then', async () => {
        const changes = [
          () => put(store, 3, 'three'),
          () => store.move(KEY, 3, { place: 'set-aside', reason: null }),
          () => store.markDelivered(KEY, 3, 'd1'),
          () => store.remove(KEY, 3),
          async () => {
            await harness.damage(KEY, 2);
            return refusal(store.open(KEY, 2));
          },
        ];
        for (const change of changes) {
          const before = store.generation;
          expect(store.rows()).to.equal(store.rows());
          expect(store.generation).to.equal(before);
          await change();
          expect(store.generation).to.be.greaterThan(before);
        }
      });

      it('without changing a list that was handed out', async () => {
        const [rows, all] = [store.rowsOf(KEY), store.rows()];
        await put(store, 3, 'three');
        await store.remove(KEY, 1);
        expect(rows.map((row) => row.version)).to.deep.equal([2, 1]);
        expect(all.length).to.equal(2);
      });

      it('or leaves them as they were when the disk is full', async () => {
        for (const change of [
          () => store.move(KEY, 1, { place: 'set-aside', reason: null }),
          () => store.markDelivered(KEY, 1, 'd1'),
        ]) {
          await harness.failNext('store-full');
          expect(await refusal(change())).to.equal('store-full');
        }
        expect(placesOf(store)).to.deep.equal(['2 live', '1 live']);
        await restart();
        expect(placesOf(store)).to.deep.equal(['2 live', '1 live']);
      });
    });

    describe('verifies on demand', () => {
      const bytes = someBytes(3_500_000, 5);
      const atOnce = (): Promise<void> => Promise.resolve();
      beforeEach(() => put(store, 1, 'one'));

      it('a whole version, no faster than the pace lets it, block after block', async () => {
        await put(store, 2, bytes);
        let total = 0;
        let calls = 0;
        let isBusy = false;
        await store.verify(KEY, 2, async (read) => {
          expect(isBusy, 'a second block before the first was let go').to.equal(false);
          isBusy = true;
          await new Promise((resolve) => setImmediate(resolve));
          isBusy = false;
          total += read;
          calls += 1;
        });
        expect(isBusy).to.equal(false);
        expect(total, 'what lies in the store').to.equal(storedBytesOf(store.rowsOf(KEY)[0]!));
        expect(calls).to.be.greaterThan(0);
        expect(placesOf(store)).to.deep.equal(['2 live', '1 live']);
      });

      it('versions in every place, and a withdrawal, and changes nothing when they are good', async () => {
        for (const place of ['set-aside', 'quarantined', 'live'] as const) {
          await store.move(KEY, 1, { place, reason: 'why' });
          const { generation } = store;
          await store.verify(KEY, 1, atOnce);
          expect(store.generation).to.equal(generation);
          expect(placesOf(store)).to.deep.equal([`1 ${place}`]);
        }
        await put(store, 2, '');
        await store.verify(KEY, 2, atOnce);
        expect(placesOf(store)).to.deep.equal(['2 live', '1 set-aside']);
      });

      for (const how of ['damage', 'lose'] as const) {
        it(`so that a version is lost by "${how}", durably, with the reason in its row`, async () => {
          await put(store, 2, 'two');
          await harness[how](KEY, 2);
          expect(await refusal(store.verify(KEY, 2, atOnce))).to.equal('snapshot-damaged');
          expect(placesOf(store)).to.deep.equal(['2 lost', '1 live']);
          const reason = store.rowsOf(KEY)[0]?.reason;
          expect(reason).to.be.a('string').with.length.greaterThan(3);
          expect(await refusal(store.verify(KEY, 2, atOnce))).to.equal('snapshot-damaged');
          await restart();
          expect(placesOf(store)).to.deep.equal(['2 lost', '1 live']);
          expect(store.rowsOf(KEY)[0]?.reason).to.equal(reason);
        });
      }

      it('but no version that is not there', async () => {
        expect(await refusal(store.verify(KEY, 9, atOnce))).to.equal('not-found');
        expect(await refusal(store.verify(keyOf('nobody'), 1, atOnce))).to.equal('not-found');
      });

      it('without condemning one that is removed meanwhile, or moved', async () => {
        for (const change of [
          () => store.move(KEY, 2, { place: 'quarantined', reason: null }),
          () => store.remove(KEY, 2),
        ]) {
          if (store.rowsOf(KEY).length === 1) await put(store, 2, bytes);
          let isChanged = false;
          await store
            .verify(KEY, 2, async () => {
              if (!isChanged) await change();
              isChanged = true;
            })
            .catch((error: unknown) => {
              if (!(error instanceof GatewayError) || error.code !== 'not-found') throw error;
            });
          expect(isChanged).to.equal(true);
          expect(store.rowsOf(KEY).filter((row) => row.place === 'lost')).to.deep.equal([]);
        }
        expect(placesOf(store)).to.deep.equal(['1 live']);
        expect(await store.damaged()).to.deep.equal([]);
      });

      it('and ends, condemning nothing, when the pace does', async () => {
        await put(store, 2, bytes);
        const stopped = new GatewayError('shutting-down', 'enough');
        expect(await refusal(store.verify(KEY, 2, () => Promise.reject(stopped)))).to.equal('shutting-down');
        expect(placesOf(store)).to.deep.equal(['2 live', '1 live']);
        await store.remove(KEY, 2);
        await store.verify(KEY, 1, atOnce);
      });
    });

    describe('says where a version is, since when and why', () => {
      beforeEach(async () => {
        await put(store, 1, 'one');
        await put(store, 2, 'two');
      });
      const rowOf = (version: number): ReturnType<SnapshotStore['rowsOf']>[number] | undefined =>
        store.rowsOf(KEY).find((row) => row.version === version);

      it('from the moment it is taken in, for no reason', () => {
        const row = rowOf(2);
        expect(row?.placedAt)
          .to.equal(row?.storedAt)
          .and.match(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
        expect(row?.reason).to.equal(null);
      });

      it('after a move, and over a restart', async () => {
        await store.move(KEY, 1, { place: 'quarantined', reason: 'rejected: "no" – ✗\nsecond line' });
        await store.move(KEY, 2, { place: 'set-aside', reason: null });
        const before = [rowOf(1), rowOf(2)];
        expect(before.map((row) => row?.reason)).to.deep.equal(['rejected: "no" – ✗\nsecond line', null]);
        for (const row of before)
          expect(Date.parse(row?.placedAt ?? '')).to.be.at.least(Date.parse(row?.storedAt ?? ''));
        await restart();
        expect([rowOf(1), rowOf(2)]).to.deep.equal(before);
      });

      it('and keeps what was said first when it is moved to where it is', async () => {
        await store.move(KEY, 1, { place: 'set-aside', reason: 'first' });
        await store.move(KEY, 1, { place: 'set-aside', reason: 'second' });
        expect(rowOf(1)?.reason).to.equal('first');
      });

      it('after a withdrawal, by its version, and over a restart', async () => {
        await put(store, 7, '');
        const before = [rowOf(1), rowOf(2), rowOf(7)];
        expect(before.map((row) => row?.reason)).to.deep.equal([
          'version 7 withdrew the origin',
          'version 7 withdrew the origin',
          null,
        ]);
        await restart();
        expect([rowOf(1), rowOf(2), rowOf(7)]).to.deep.equal(before);
      });

      it('and knows what it has as soon as it is open', async () => {
        expect(store.isKnown).to.equal(true);
        await restart();
        expect(store.isKnown).to.equal(true);
      });
    });

    describe('keeps what was damaged', () => {
      beforeEach(async () => {
        await put(store, 1, 'one');
        await put(store, 2, 'two');
        await put(store, 1, 'other', { key: keyOf('other') });
      });

      it('with its bytes, its time and its reason, until it is discarded', async () => {
        expect(await store.damaged()).to.deep.equal([]);
        await harness.damage(KEY, 2);
        await refusal(store.open(KEY, 2));
        const [kept, ...others] = await store.damaged();
        expect(others).to.deep.equal([]);
        expect(kept?.bytes).to.be.at.least(3);
        expect(Date.parse(kept?.at ?? '')).to.be.greaterThan(0);
        expect(kept?.reason).to.be.a('string').and.equal(store.rowsOf(KEY)[0]?.reason);
        await restart();
        expect(await store.damaged()).to.deep.equal([kept]);
        await store.discardDamaged(kept?.id ?? '');
        await store.discardDamaged(kept?.id ?? '');
        expect(await store.damaged()).to.deep.equal([]);
        expect(placesOf(store)).to.deep.equal(['2 lost', '1 live']);
        await restart();
        expect(await store.damaged()).to.deep.equal([]);
        expect(placesOf(store)).to.deep.equal(['2 lost', '1 live']);
        expect((await contentOf(store, KEY, 1)).toString()).to.equal('one');
      });

      it('each apart, the oldest first, also of one version that was damaged twice', async () => {
        const damageOnce = async (key: SnapshotKey, version: number): Promise<void> => {
          await harness.damage(key, version);
          await refusal(store.open(key, version));
        };
        await damageOnce(keyOf('other'), 1);
        await damageOnce(KEY, 2);
        await put(store, 2, 'two');
        await damageOnce(KEY, 2);
        const kept = await store.damaged();
        expect(new Set(kept.map(({ id }) => id)).size).to.equal(3);
        const times = kept.map(({ at }) => Date.parse(at));
        expect(times).to.deep.equal([...times].sort((a, b) => a - b));
        await store.discardDamaged(kept[0]?.id ?? '');
        expect((await store.damaged()).map(({ id }) => id)).to.deep.equal(kept.slice(1).map(({ id }) => id));
      });

      it('but not what an application rejected: of that there is a row', async () => {
        await store.move(KEY, 2, { place: 'quarantined', reason: 'rejected: no' });
        expect(await store.damaged()).to.deep.equal([]);
      });

      it('and discards nothing else, whatever it is asked for', async () => {
        await store.move(KEY, 2, { place: 'quarantined', reason: 'rejected: no' });
        await harness.damage(KEY, 1);
        await refusal(store.open(KEY, 1));
        const kept = await store.damaged();
        for (const id of ['', '.', '..', '../x', 'nothing', '1', '9007199254740993', "'; drop table x"]) {
          if (!kept.some((one) => one.id === id)) await store.discardDamaged(id);
        }
        expect(await store.damaged()).to.deep.equal(kept);
        expect((await contentOf(store, KEY, 2)).toString()).to.equal('two');
        expect((await contentOf(store, keyOf('other'), 1)).toString()).to.equal('other');
      });
    });

    it('takes nothing after it was closed', async () => {
      await store.close();
      expect(await refusal(put(store, 1, 'x'))).to.equal('store-unavailable');
      expect(await refusal(store.probe())).to.equal('store-unavailable');
    });
  });
}
