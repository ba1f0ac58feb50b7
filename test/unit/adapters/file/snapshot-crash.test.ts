import { readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { FileSnapshotStore } from '../../../../src/adapters/file/snapshot-store.ts';
import { versionPaths } from '../../../../src/adapters/file/snapshot-paths.ts';
import type { Disk } from '../../../../src/adapters/file/disk.ts';
import { contentOf, KEY, keyOf, placesOf, put, refusal, someBytes } from '../../../contract/snapshot-content.ts';
import { Crash, CrashDisk, SURVIVALS, switchedDisk, unsyncedDisk } from './crash-disk.ts';
import { filesBelow, newFolder, recordingLog, removeFolders } from './folder.ts';

const LARGE = someBytes(2_500_000);
const CONTENTS = new Map<number, Buffer>([
  [1, Buffer.from('one')],
  [2, Buffer.from('two')],
  [3, Buffer.from('three')],
  [4, LARGE],
  [5, Buffer.alloc(0)],
]);

function open(root: string, disk: Disk = unsyncedDisk): Promise<FileSnapshotStore> {
  return FileSnapshotStore.open({ root, name: 'held', log: recordingLog(), wallMs: () => 0, disk });
}

interface Scenario {
  readonly title: string;
  /** What is there before, beyond versions 1 and 2. */
  readonly before?: (store: FileSnapshotStore, root: string) => Promise<unknown>;
  readonly act: (store: FileSnapshotStore) => Promise<unknown>;
  /** The places of KEY (and of the key `new`) after a crash before the act was through, and after it. */
  readonly old: readonly string[];
  readonly done: readonly string[];
  /** Version 2 was damaged by the scenario: it may be refused when it is opened. */
  readonly isDamaged?: boolean;
}

function flip(root: string, version: number): void {
  const path = versionPaths(root, KEY, version).bytes;
  const bytes = readFileSync(path);
  bytes[0] = (bytes[0] ?? 0) ^ 1;
  writeFileSync(path, bytes);
}

const lost2 = async (store: FileSnapshotStore, root: string): Promise<void> => {
  flip(root, 2);
  await refusal(store.open(KEY, 2));
};
const OLD = ['2 live', '1 live'];

const SCENARIOS: readonly Scenario[] = [
  {
    title: 'a small version is written',
    act: (store) => put(store, 3, CONTENTS.get(3)!),
    old: OLD,
    done: ['3 live', ...OLD],
  },
  { title: 'a large version is written', act: (store) => put(store, 4, LARGE), old: OLD, done: ['4 live', ...OLD] },
  {
    title: 'the first version of an origin is written',
    act: (store) => put(store, 1, 'one', { key: keyOf('new') }),
    old: OLD,
    done: [...OLD, 'new 1 live'],
  },
  {
    title: 'a withdrawal is written',
    act: (store) => put(store, 5, ''),
    old: OLD,
    done: ['5 live', '2 set-aside', '1 set-aside'],
  },
  {
    title: 'a lost version is filled again',
    before: lost2,
    act: (store) => put(store, 2, 'two'),
    old: ['2 lost', '1 live'],
    done: OLD,
  },
  {
    title: 'a version is rejected',
    act: (store) => store.move(KEY, 2, { place: 'quarantined', reason: null }),
    old: OLD,
    done: ['2 quarantined', '1 live'],
  },
  {
    title: 'a rejected version is taken back',
    before: (store) => store.move(KEY, 2, { place: 'quarantined', reason: null }),
    act: (store) => store.move(KEY, 2, { place: 'live', reason: null }),
    old: ['2 quarantined', '1 live'],
    done: OLD,
  },
  {
    title: 'a version is set aside',
    act: (store) => store.move(KEY, 1, { place: 'set-aside', reason: null }),
    old: OLD,
    done: ['2 live', '1 set-aside'],
  },
  { title: 'a delivery is noted', act: (store) => store.markDelivered(KEY, 2, 'd1'), old: OLD, done: OLD },
  { title: 'a version is removed', act: (store) => store.remove(KEY, 1), old: OLD, done: ['2 live'] },
  {
    title: 'the last version of an origin is removed',
    before: (store) => store.remove(KEY, 1),
    act: (store) => store.remove(KEY, 2),
    old: ['2 live'],
    done: [],
  },
  {
    title: 'a damaged version is opened',
    before: (_, root) => {
      flip(root, 2);
      return Promise.resolve();
    },
    act: async (store) => {
      await store.open(KEY, 2).catch(unlessDamaged);
    },
    old: OLD,
    done: ['2 lost', '1 live'],
    isDamaged: true,
  },
];

function unlessDamaged(error: unknown): void {
  if (error instanceof Crash) throw error;
}

function allPlaces(store: FileSnapshotStore): string[] {
  return [...placesOf(store), ...placesOf(store, keyOf('new')).map((place) => `new ${place}`)];
}

/** Every version that is not lost has its own bytes, wherever it is. */
async function assertContents(store: FileSnapshotStore, isDamaged: boolean): Promise<void> {
  for (const row of store.rows()) {
    if (row.place === 'lost') continue;
    if (isDamaged && row.version === 2) {
      expect(await refusal(store.open(row.key, row.version))).to.equal('snapshot-damaged');
      continue;
    }
    const bytes = await contentOf(store, row.key, row.version);
    expect(bytes.equals(CONTENTS.get(row.version)!), `the bytes of ${row.version}`).to.equal(true);
  }
}

async function prepared(scenario: Scenario): Promise<string> {
  const root = newFolder();
  const store = await open(root);
  await put(store, 1, 'one');
  await put(store, 2, 'two');
  await scenario.before?.(store, root);
  await store.close();
  return root;
}

/** Runs the act over a disk that stops at its k-th operation after the start. */
async function crashed(scenario: Scenario, k: number): Promise<{ disk: CrashDisk; isDone: boolean; error: unknown }> {
  const root = await prepared(scenario);
  let disk = new CrashDisk(root, Infinity);
  const store = await open(
    root,
    switchedDisk(() => disk),
  );
  disk = new CrashDisk(root, k);
  let error: unknown = null;
  await scenario.act(store).catch((reason: unknown) => (error = reason));
  const isDone = !disk.isDown;
  disk.powerOff();
  return { disk, isDone, error };
}

function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

describe('A file store that stops at any operation, and starts again', () => {
  after(removeFolders);

  for (const scenario of SCENARIOS) {
    it(`has the old state or the new one, each whole, when ${scenario.title}`, async () => {
      const seen = new Set<string>();
      for (let k = 1; ; k += 1) {
        const { disk, isDone, error } = await crashed(scenario, k);
        if (isDone) expect(error).to.equal(null);
        for (const survival of SURVIVALS) {
          const root = newFolder();
          disk.survive(survival, root, seeded(k));
          const about = `crash ${k}, ${survival}`;
          const store = await open(root);
          const places = allPlaces(store);
          const allowed = isDone ? [scenario.done] : [scenario.old, scenario.done];
          expect(
            allowed.map((list) => list.join()),
            about,
          ).to.include(places.join());
          seen.add(places.join());
          await assertContents(store, scenario.isDamaged === true);
          expect(store.foreign(), about).to.deep.equal([]);
          expect(
            filesBelow(root).filter((path) => path.startsWith('.tmp/')),
            about,
          ).to.deep.equal([]);
          // What a start made of it stays, and the store takes the next version.
          const settled = allPlaces(store);
          await put(store, 9, 'next', { key: keyOf('next') });
          await store.close();
          const again = await open(root);
          expect(allPlaces(again), about).to.deep.equal(settled);
          expect((await contentOf(again, keyOf('next'), 9)).toString()).to.equal('next');
          await again.close();
        }
        if (isDone) break;
      }
      expect(seen).to.include(scenario.old.join());
      expect(seen).to.include(scenario.done.join());
    });
  }

  it('also when it stops again while it puts things right at the start', async () => {
    for (const scenario of SCENARIOS.filter(({ title }) => /withdrawal|rejected|filled again/.test(title))) {
      for (let k = 1, isDone = false; !isDone; k += 1) {
        const first = await crashed(scenario, k);
        isDone = first.isDone;
        const root = newFolder();
        first.disk.survive('all', root);
        for (let j = 1, isStarted = false; !isStarted; j += 1) {
          const second = new CrashDisk(root, j);
          await open(root, second).catch((error: unknown) => expect(error).to.be.instanceOf(Crash));
          isStarted = !second.isDown;
          const next = newFolder();
          second.survive('synced', next);
          const store = await open(next);
          const allowed = isDone ? [scenario.done] : [scenario.old, scenario.done];
          expect(
            allowed.map((list) => list.join()),
            `crash ${k}, then ${j}`,
          ).to.include(allPlaces(store).join());
          await assertContents(store, false);
          await store.close();
        }
      }
    }
  });
});
