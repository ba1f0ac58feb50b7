import { readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { FileSnapshotStore } from '../../../../src/adapters/file/snapshot-store.ts';
import { versionPaths } from '../../../../src/adapters/file/snapshot-paths.ts';
import { NO_KEYS } from '../../../../src/adapters/storage/keyring.ts';
import type { Disk, DiskFile } from '../../../../src/adapters/file/disk.ts';
import { contentOf, KEY, keyOf, placesOf, put, refusal, someBytes } from '../../../contract/snapshot-content.ts';
import {
  ImageCount,
  inFolder,
  RecordingDisk,
  switchedDisk,
  unsyncedDisk,
} from '../../../support/crash-images/recording-disk.ts';
import { keyringOf } from '../../../support/encryption-keys.ts';
import { filesBelow, newFolder, recordingLog, removeFolders } from './folder.ts';

const LARGE = someBytes(2_500_000);
const CONTENTS = new Map<number, Buffer>([
  [1, Buffer.from('one')],
  [2, Buffer.from('two')],
  [3, Buffer.from('three')],
  [4, LARGE],
  [5, Buffer.alloc(0)],
]);

/** Of every store that is opened. */
let keyring = NO_KEYS;

function open(root: string, disk: Disk = unsyncedDisk): Promise<FileSnapshotStore> {
  return FileSnapshotStore.open({ root, name: 'held', log: recordingLog(), wallMs: () => 0, keyring, disk });
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
    act: (store) => refusal(store.open(KEY, 2)),
    old: OLD,
    done: ['2 lost', '1 live'],
    isDamaged: true,
  },
];

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

/** Runs the act over a disk that records it. @param through what stands between the store and that disk */
async function recorded(scenario: Scenario, through: (disk: Disk) => Disk = (disk) => disk): Promise<RecordingDisk> {
  const root = await prepared(scenario);
  let disk: Disk = unsyncedDisk;
  const store = await open(
    root,
    switchedDisk(() => disk),
  );
  const recording = new RecordingDisk(root);
  disk = through(switchedDisk(() => recording));
  await scenario.act(store);
  return recording;
}

function unsyncing(file: DiskFile): DiskFile {
  return { ...file, sync: () => Promise.resolve() };
}

function allowedOf(scenario: Scenario, isDone: boolean): string[] {
  return (isDone ? [scenario.done] : [scenario.old, scenario.done]).map((list) => list.join());
}

/** Never fewer than there were: an enumeration that shrinks proves less, and nobody would notice. */
const IMAGES_LEAST = 1156;

describe('A file store that stops at any operation, and starts again', () => {
  const images = new ImageCount();
  const seconds = new ImageCount();
  const afterKills = new ImageCount();
  after(function () {
    this.timeout(20_000);
    removeFolders();
    console.log(`      ${images.text} of a file store`);
    console.log(`      ${seconds.text} of a file store that stops again while it starts`);
    console.log(`      ${afterKills.text} of a file store that was killed and has started again`);
  });

  const oldOrNew = (scenario: Scenario): void => {
    it(`has the old state or the new one, each whole, when ${scenario.title}`, async () => {
      const seen = new Set<string>();
      const recording = await recorded(scenario);
      const end = recording.length;
      for (const { image, operations } of recording.crashes(images, { promises: [end] })) {
        await images.start(image, async (root) => {
          const about = `crash after ${operations} of ${end}, ${image.about}`;
          const store = await open(root);
          const places = allPlaces(store);
          expect(allowedOf(scenario, operations === end), about).to.include(places.join());
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
        });
      }
      expect(seen).to.include(scenario.old.join());
      expect(seen).to.include(scenario.done.join());
    });
  };
  for (const scenario of SCENARIOS) oldOrNew(scenario);

  describe('and is encrypted,', () => {
    before(() => (keyring = keyringOf('0badcafe')));
    after(() => (keyring = NO_KEYS));
    for (const scenario of SCENARIOS) oldOrNew(scenario);
  });

  it('also when it stops again while it puts things right at the start', async () => {
    const firsts = new ImageCount();
    for (const scenario of SCENARIOS) {
      const first = await recorded(scenario);
      const end = first.length;
      for (const { image, operations } of first.crashes(firsts, { promises: [end] })) {
        await firsts.start(image, async (root) => {
          const starting = new RecordingDisk(root);
          await (await open(root, starting)).close();
          for (const second of starting.crashes(seconds)) {
            await seconds.start(second.image, async (next) => {
              const store = await open(next);
              const about = `crash after ${operations} of ${end}, ${image.about}, then ${second.operations}, ${second.image.about}`;
              expect(allowedOf(scenario, operations === end), about).to.include(allPlaces(store).join());
              await assertContents(store, scenario.isDamaged === true);
              await store.close();
            });
          }
        });
      }
    }
  }).timeout(60_000);

  it('also when it is killed, starts again, and the power goes off: what the new run showed is there', async () => {
    for (const scenario of SCENARIOS) {
      const first = await recorded(scenario);
      for (const { operations, goOn } of first.kills()) {
        await inFolder(async (root) => {
          const running = goOn(root);
          const second = await open(root, running);
          const shown = allPlaces(second);
          await second.close();
          const started = running.length;
          for (const crash of running.crashes(afterKills, { promises: [started] })) {
            // Before the start was through, nobody was shown anything.
            if (crash.operations < started) continue;
            await afterKills.start(crash.image, async (next) => {
              const store = await open(next);
              expect(allPlaces(store), `killed after ${operations}, then ${crash.image.about}`).to.deep.equal(shown);
              await assertContents(store, scenario.isDamaged === true);
              await store.close();
            });
          }
        });
      }
    }
  }).timeout(60_000);

  for (const [forgotten, through] of [
    ['file', (disk: Disk): Disk => ({ ...disk, create: async (path) => unsyncing(await disk.create(path)) })],
    ['folder', (disk: Disk): Disk => ({ ...disk, syncFolder: () => Promise.resolve() })],
  ] as const) {
    it(`would be found out if it forgot to make a ${forgotten} durable`, async () => {
      const scenario = SCENARIOS[0]!;
      const recording = await recorded(scenario, through);
      const end = recording.length;
      const wrong: string[] = [];
      for (const { image, operations } of recording.crashes(new ImageCount(), { promises: [end] })) {
        await inFolder(async (root) => {
          image.writeTo(root);
          const store = await open(root);
          if (!allowedOf(scenario, operations === end).includes(allPlaces(store).join())) wrong.push(image.about);
          await store.close();
        });
      }
      expect(wrong).to.not.deep.equal([]);
    });
  }

  it('was tried with every image that there is', () => {
    expect(images.crashes + seconds.crashes).to.be.at.least(IMAGES_LEAST);
  });
});
