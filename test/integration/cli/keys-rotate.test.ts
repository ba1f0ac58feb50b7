import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  closeSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  statSync,
  symlinkSync,
  writeFileSync,
  lstatSync,
} from 'node:fs';
import { useKeysFolder } from './keys-support.ts';

describe('crossdc keys rotate', () => {
  const folder = useKeysFolder();
  const file = (): string => folder.path('peer.keys');
  const text = (): string => readFileSync(file(), 'utf8');
  const keysIn = (content: string): string[] => content.split('\n').filter((line) => /^[^#]/.test(line));

  beforeEach(async () => {
    await folder.keys('generate', '--output', file());
  });

  it('puts a new key in the place of the old one, in three steps, and says what comes next', async () => {
    const [old = ''] = keysIn(text());
    const added = await folder.keys('rotate', file(), '--step', 'add');
    expect(added).to.include({ status: 0, err: '' });
    expect(added.out).to.match(/: [0-9a-f]{16} first, [0-9a-f]{16} next\nCopy the file .*--step use\n$/s);
    const [first, next = ''] = keysIn(text());
    expect(first).to.equal(old);
    expect((await folder.keys('rotate', file(), '--step', 'use')).out).to.match(/--step drop\n$/);
    expect(keysIn(text())).to.deep.equal([next, old]);
    expect((await folder.keys('rotate', file(), '--step', 'drop')).out).to.match(/then the rotation is done\n$/);
    expect(keysIn(text())).to.deep.equal([next]);
    expect(added.out).not.to.contain(next);
    expect(readdirSync(folder.path())).to.deep.equal(['peer.keys']);
  });

  it('refuses a step that comes too early, and changes nothing then or when it was done already', async () => {
    const before = text();
    expect((await folder.keys('rotate', file(), '--step', 'use')).status).to.equal(1);
    expect(text()).to.equal(before);
    const { ino } = statSync(file());
    expect((await folder.keys('rotate', file(), '--step', 'drop')).out).to.contain('nothing to do');
    expect(statSync(file()).ino).to.equal(ino);
  });

  it('replaces the file in one step: whoever has it open reads the old one to its end', async () => {
    const before = text();
    const descriptor = openSync(file(), 'r');
    await folder.keys('rotate', file(), '--step', 'add');
    const buffer = Buffer.alloc(before.length * 3);
    const length = readSync(descriptor, buffer);
    closeSync(descriptor);
    expect(buffer.toString('utf8', 0, length)).to.equal(before);
    expect(text()).not.to.equal(before);
  });

  it('leaves the rights of a file as they are, but takes away what a secret may not have', async () => {
    for (const [before, after] of [
      [0o600, '600'],
      [0o640, '640'],
      [0o400, '600'],
      [0o666, '640'],
    ] as const) {
      chmodSync(file(), before);
      await folder.keys('rotate', file(), '--step', 'add');
      await folder.keys('rotate', file(), '--step', 'use');
      await folder.keys('rotate', file(), '--step', 'drop');
      expect(folder.mode('peer.keys'), before.toString(8)).to.equal(after);
    }
  });

  it('leaves the file to the user whose gateway reads it', async function () {
    // Only the superuser can give a file to somebody else.
    if (process.getuid?.() === 0) chownSync(file(), 65_534, 65_534);
    const { uid, gid } = statSync(file());
    await folder.keys('rotate', file(), '--step', 'add');
    expect(statSync(file())).to.include({ uid, gid });
  });

  it('follows a link, and leaves it one', async () => {
    symlinkSync(file(), folder.path('link'));
    await folder.keys('rotate', folder.path('link'), '--step', 'add');
    expect(lstatSync(folder.path('link')).isSymbolicLink()).to.equal(true);
    expect(keysIn(text())).to.have.length(2);
  });

  it('removes what a killed rotation left, and not what another one is writing', async () => {
    const { pid: gone } = spawnSync('true');
    writeFileSync(folder.path(`.peer.keys.crossdc-${gone}-00000000`), 'half a secret');
    writeFileSync(folder.path(`.peer.keys.crossdc-${process.pid}-00000000`), 'its own');
    await folder.keys('rotate', file(), '--step', 'add');
    expect(readdirSync(folder.path()).sort()).to.deep.equal([
      `.peer.keys.crossdc-${process.pid}-00000000`,
      'peer.keys',
    ]);
  });

  it('rotates the pairs of all data centres together', async () => {
    await folder.keys('generate', '--ed25519', 'dc1', 'dc2', '--directory', folder.path('pairs'));
    const files = [folder.path('pairs', 'dc1.keys'), folder.path('pairs', 'dc2.keys')];
    for (const step of ['add', 'use', 'drop'])
      expect(await folder.keys('rotate', ...files, '--step', step)).to.include({ status: 0, err: '' });
    for (const path of files) expect(keysIn(readFileSync(path, 'utf8'))).to.have.length(2);
    expect((await folder.keys('rotate', files[0]!, '--step', 'add')).status).to.equal(2);
  });

  it('reads no folder and no device, and says so', async () => {
    for (const path of [folder.path(), '/dev/null'])
      expect((await folder.keys('rotate', path, '--step', 'add')).err).to.equal(
        `crossdc: ${path} cannot be read: it is no ordinary file\n`,
      );
  });
});
