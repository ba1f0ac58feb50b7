import { expect } from 'chai';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { KeyRing } from '../../../src/adapters/peer-auth/key-ring.ts';
import { parsePeerKeys, type PeerKey } from '../../../src/core/peer-keys.ts';
import { useKeysFolder } from './keys-support.ts';

function keysOf(text: string): readonly PeerKey[] {
  const keys = parsePeerKeys(text);
  if (keys instanceof Error) throw keys;
  return keys;
}

describe('crossdc keys generate', () => {
  const folder = useKeysFolder();

  it('prints a shared key that a gateway takes, each time another', async () => {
    const one = await folder.keys('generate');
    const other = await folder.keys('generate');
    expect(one).to.include({ status: 0, err: '' });
    expect(one.out).to.contain('#   peerAuth=key\n#   peerSharedKeyFile=');
    const last = one.out.trim().split('\n').at(-1) ?? '';
    expect(last).to.match(/^[A-Za-z0-9_-]{43}$/);
    expect(other.out).not.to.contain(last);
    expect(keysOf(one.out).map(({ kind }) => kind)).to.deep.equal(['shared']);
  });

  it('writes it to a new file for this user alone, says the two lines, and not the key', async () => {
    const file = folder.path('peer.keys');
    const { status, out, err } = await folder.keys('generate', '--output', file);
    expect({ status, err }).to.deep.equal({ status: 0, err: '' });
    expect(folder.mode('peer.keys')).to.equal('600');
    expect(out).to.contain(`\npeerAuth=key\npeerSharedKeyFile=${file}\n`);
    expect(out).not.to.contain(readFileSync(file, 'utf8').trim().split('\n').at(-1));
  });

  it('never overwrites, and leaves nothing behind where it cannot write', async () => {
    writeFileSync(folder.path('there'), 'precious');
    expect(await folder.keys('generate', '--output', folder.path('there'))).to.deep.equal({
      status: 1,
      out: '',
      err: `crossdc: ${folder.path('there')} is there already and stays as it is; remove it, or put a new key into it with crossdc keys rotate\n`,
    });
    expect(readFileSync(folder.path('there'), 'utf8')).to.equal('precious');
    const nowhere = await folder.keys('generate', '--output', folder.path('no', 'folder'));
    expect(nowhere.err).to.equal(
      `crossdc: ${folder.path('no', 'folder')} cannot be written: there is no such file or folder\n`,
    );
  });

  it('makes pairs: a file for each data centre, with which each checks what the others sign, and only that', async () => {
    const { status, out } = await folder.keys(
      'generate',
      '--ed25519',
      'dc1',
      'dc2',
      '--directory',
      folder.path('pairs'),
    );
    expect(status).to.equal(0);
    expect(out).to.contain(`peerSharedKeyFile=${folder.path('pairs', 'dc2.keys')}\n`);
    expect([folder.mode('pairs'), folder.mode('pairs', 'dc1.keys'), folder.mode('pairs', 'dc2.keys')]).to.deep.equal([
      '700',
      '600',
      '600',
    ]);
    const ring = (name: string): KeyRing =>
      new KeyRing(keysOf(readFileSync(folder.path('pairs', `${name}.keys`), 'utf8')), name);
    const token = await ring('dc1').sign('t', { said: 1 });
    expect(await ring('dc2').verify('t', token)).to.deep.equal({ payload: { said: 1 }, dataCenter: 'dc1' });
    const theirs = keysOf(readFileSync(folder.path('pairs', 'dc2.keys'), 'utf8'));
    expect(theirs.map((key) => [key.kind, key.kind === 'shared' ? '' : key.dataCenter])).to.deep.equal([
      ['private', 'dc2'],
      ['public', 'dc1'],
    ]);
  });

  it('makes the files of all data centres or of none', async () => {
    mkdirSync(folder.path('pairs'));
    writeFileSync(folder.path('pairs', 'dc2.keys'), 'precious');
    const { status, err } = await folder.keys(
      'generate',
      '--ed25519',
      'dc1',
      'dc2',
      '--directory',
      folder.path('pairs'),
    );
    expect(status).to.equal(1);
    expect(err).to.contain(`${folder.path('pairs', 'dc2.keys')} is there already`);
    expect(readdirSync(folder.path('pairs'))).to.deep.equal(['dc2.keys']);
  });

  it('makes a key that encrypts what is stored', async () => {
    const file = folder.path('snapshots.keys');
    const { out } = await folder.keys('generate', '--encryption', '--output', file);
    expect(out).to.contain(`\nsnapshotEncryptionKeyFile=${file}\n`);
    expect(folder.mode('snapshots.keys')).to.equal('600');
    expect(readFileSync(file, 'utf8').trim().split('\n').at(-1)).to.match(/^[0-9a-f]{8}:[A-Za-z0-9_-]{43}$/);
  });

  for (const [argv, message] of [
    [['--ed25519', 'dc1', '--directory', 'x'], /needs the names of two data centres/],
    [['--ed25519', 'dc1', 'dc1', '--directory', 'x'], /dc1 was given twice/],
    [['--ed25519', 'dc1', '../x', '--directory', 'x'], /"..\/x" is no name of a data centre/],
    [['--ed25519', 'dc1', 'dc2'], /needs --directory DIR/],
    [['--ed25519', 'dc1', 'dc2', '--directory', 'x', '--output', 'y'], /give --directory DIR instead of --output/],
    [['--ed25519', '--encryption'], /give one of the two/],
    [['--directory', 'x'], /--directory goes with --ed25519/],
  ] as const) {
    it(`refuses ${argv.join(' ')}, and makes nothing`, async () => {
      const { status, err } = await folder.keys('generate', ...argv);
      expect(status).to.equal(2);
      expect(err).to.match(message);
      expect(existsSync('x')).to.equal(false);
    });
  }
});
