import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { withoutFirst, type Disk } from '../../../../src/adapters/file/disk.ts';
import { Folders, makeRoot } from '../../../../src/adapters/file/folders.ts';
import { Lanes, Slots } from '../../../../src/adapters/storage/lanes.ts';
import { LatestWrites } from '../../../../src/adapters/file/latest-writes.ts';

import { FaultyDisk } from './faulty-disk.ts';
import { newFolder, removeFolders } from './folder.ts';

/** Work that a test lets go on when it likes. */
class Gate {
  readonly begun: string[] = [];
  readonly #waiting: { name: string; resolve: () => void; reject: (reason: unknown) => void }[] = [];

  enter(name: string): Promise<void> {
    this.begun.push(name);
    return new Promise((resolve, reject) => this.#waiting.push({ name, resolve, reject }));
  }

  async open(error?: Error): Promise<void> {
    const first = this.#waiting.shift();
    if (first === undefined) throw new Error('nothing waits');
    if (error === undefined) first.resolve();
    else first.reject(error);
    await turns();
  }
}

async function turns(): Promise<void> {
  for (let i = 0; i < 20; i += 1) await Promise.resolve();
}

describe('Lanes', () => {
  it('do the work of one name in order and of different names at once', async () => {
    const gate = new Gate();
    const lanes = new Lanes();
    const work = [
      lanes.run('a', () => gate.enter('a1')),
      lanes.run('a', () => gate.enter('a2')),
      lanes.run('b', () => gate.enter('b1')),
    ];
    await turns();
    expect(gate.begun).to.deep.equal(['a1', 'b1']);
    await gate.open();
    expect(gate.begun).to.deep.equal(['a1', 'b1', 'a2']);
    let isIdle = false;
    void lanes.idle().then(() => (isIdle = true));
    await gate.open();
    expect(isIdle).to.equal(false);
    await gate.open();
    expect(isIdle).to.equal(true);
    await Promise.all(work);
  });

  it('go on after work that fails', async () => {
    const lanes = new Lanes();
    const failed = lanes.run('a', () => Promise.reject(new Error('no')));
    const following = lanes.run('a', () => Promise.resolve('yes'));
    expect(await failed.catch(() => 'failed')).to.equal('failed');
    expect(await following).to.equal('yes');
  });
});

describe('Slots', () => {
  it('let only so many run, the others in their order', async () => {
    const gate = new Gate();
    const slots = new Slots(2);
    const work = ['1', '2', '3', '4'].map((name) => slots.run(() => gate.enter(name)).catch(() => undefined));
    await turns();
    expect(gate.begun).to.deep.equal(['1', '2']);
    await gate.open(new Error('no'));
    expect(gate.begun).to.deep.equal(['1', '2', '3']);
    for (let i = 0; i < 3; i += 1) await gate.open();
    await Promise.all(work);
    expect(gate.begun).to.deep.equal(['1', '2', '3', '4']);
  });
});

describe('Latest writes', () => {
  it('carry out the first and the last of those that wait, and tell everybody', async () => {
    const gate = new Gate();
    const writes = new LatestWrites((name, text) => gate.enter(`${name}=${text ?? 'gone'}`));
    const told: string[] = [];
    for (const text of ['1', '2', null, '3']) void writes.put('a', text).then(() => told.push(text ?? 'gone'));
    await turns();
    expect(gate.begun).to.deep.equal(['a=1']);
    await gate.open();
    expect(told).to.deep.equal(['1']);
    expect(gate.begun).to.deep.equal(['a=1', 'a=3']);
    await gate.open();
    expect(told).to.deep.equal(['1', '2', 'gone', '3']);
    void writes.put('a', '4');
    expect(gate.begun.at(-1)).to.equal('a=4');
  });

  it('refuse those whose write failed, and carry out the next', async () => {
    const gate = new Gate();
    const writes = new LatestWrites((_, text) => gate.enter(text ?? ''));
    const outcomes: string[] = [];
    for (const text of ['1', '2'])
      void writes.put('a', text).then(
        () => outcomes.push(`${text} done`),
        () => outcomes.push(`${text} failed`),
      );
    await gate.open(new Error('no'));
    await gate.open();
    expect(outcomes).to.deep.equal(['1 failed', '2 done']);
    await writes.idle();
  });
});

describe('Folders', () => {
  it('share one fsync, but never one that began before the change', async () => {
    const gate = new Gate();
    const disk = { syncFolder: (path: string) => gate.enter(path) } as unknown as Disk;
    const folders = new Folders(disk, '/root');
    const done: number[] = [];
    for (const i of [1, 2, 3]) void folders.sync('/root/a').then(() => done.push(i));
    await turns();
    expect(gate.begun.length).to.equal(1);
    await gate.open();
    expect(done).to.deep.equal([1]);
    expect(gate.begun.length).to.equal(2);
    void folders.sync('/root/a').then(() => done.push(4));
    await gate.open();
    expect(done).to.deep.equal([1, 2, 3]);
    await gate.open();
    expect(done).to.deep.equal([1, 2, 3, 4]);
  });
});

describe('The root of a store', () => {
  after(removeFolders);

  it('is durable with every folder that had to be made above it', async () => {
    const base = newFolder();
    const disk = new FaultyDisk();
    const synced: string[] = [];
    disk.before = (_, path) => void synced.push(path);
    await makeRoot(disk, join(base, 'a', 'b', 'c'));
    expect(synced).to.deep.equal([join(base, 'a', 'b'), join(base, 'a'), base]);
    synced.length = 0;
    await makeRoot(disk, join(base, 'a', 'b', 'c'));
    expect(synced).to.deep.equal([join(base, 'a', 'b')]);
  });

  it('may lie in a folder that we cannot read, but not if it had to be made there', async () => {
    const base = newFolder();
    const disk = new FaultyDisk();
    disk.failNext('syncFolder', 'EACCES', 2);
    await makeRoot(disk, base);
    const error: unknown = await makeRoot(disk, join(base, 'a')).catch((reason: unknown) => reason);
    expect(error).to.include({ code: 'EACCES' });
  });
});

describe('What is left to write after a short write', () => {
  it('is exactly what was not taken', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 8 })), fc.nat(80), (pieces, taken) => {
        const whole = Buffer.concat(pieces);
        const bytes = Math.min(taken, whole.length);
        expect(Buffer.concat(withoutFirst(pieces, bytes)).equals(whole.subarray(bytes))).to.equal(true);
      }),
    );
  });
});
