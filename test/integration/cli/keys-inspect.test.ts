import { expect } from 'chai';
import { X509Certificate } from 'node:crypto';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { KeyRing } from '../../../src/adapters/peer-auth/key-ring.ts';
import { parsePeerKeys, type PeerKey } from '../../../src/core/peer-keys.ts';
import { useKeysFolder } from './keys-support.ts';

interface Row {
  readonly file: string;
  readonly items: readonly {
    kind: string;
    names: string[];
    id: string;
    role: string | null;
    validTo: string | null;
    publicKeySha256: string | null;
  }[];
  readonly problems: readonly string[];
}

describe('crossdc keys inspect', () => {
  const folder = useKeysFolder();
  const inspect = (...argv: string[]) => folder.keys('inspect', ...argv);
  const rows = async (...argv: string[]): Promise<Row[]> => JSON.parse((await inspect('--json', ...argv)).out) as Row[];

  function keysOf(path: string): readonly PeerKey[] {
    const keys = parsePeerKeys(readFileSync(path, 'utf8'));
    if (keys instanceof Error) throw keys;
    return keys;
  }

  /** The key id of the tokens that a gateway with these keys signs. */
  async function kidOf(path: string, dataCenter: string): Promise<string> {
    const token = await new KeyRing(keysOf(path), dataCenter).sign('t', {});
    const [header = ''] = token.split('.');
    return (JSON.parse(Buffer.from(header, 'base64url').toString('utf8')) as { kid: string }).kid;
  }

  it('shows each key with the id that its tokens carry, what it does, and nothing secret', async () => {
    const shared = folder.path('peer.keys');
    await folder.keys('generate', '--output', shared);
    await folder.keys('rotate', shared, '--step', 'add');
    await folder.keys('generate', '--ed25519', 'dc1', 'dc2', '--directory', folder.path());
    const pair = folder.path('dc1.keys');
    const outcome = await inspect(shared, pair);
    expect(outcome).to.include({ status: 0, err: '' });
    const [first = {} as Row, second = {} as Row] = await rows(shared, pair);
    expect(first.items.map(({ kind, role }) => [kind, role])).to.deep.equal([
      ['shared key', 'signs'],
      ['shared key', 'next'],
    ]);
    expect(second.items.map(({ kind, names, role }) => [kind, names, role])).to.deep.equal([
      ['private key', ['dc1'], 'signs'],
      ['public key', ['dc2'], null],
    ]);
    expect(first.items[0]!.id).to.equal(await kidOf(shared, 'dc1'));
    expect(second.items[0]!.id).to.equal(await kidOf(pair, 'dc1'));
    expect(second.items[1]!.id).to.equal(await kidOf(folder.path('dc2.keys'), 'dc2'));
    for (const { id } of first.items) expect(outcome.out).to.contain(id);
    const all = outcome.out + JSON.stringify([first, second]);
    for (const line of `${readFileSync(shared, 'utf8')}${readFileSync(pair, 'utf8')}`.split('\n'))
      if (/^[^#]/.test(line)) expect(all).not.to.contain(line.split(':').at(-1));
  });

  it('shows encryption keys by their ids', async () => {
    await folder.keys('generate', '--encryption', '--output', folder.path('e.keys'));
    const line = readFileSync(folder.path('e.keys'), 'utf8').trim().split('\n').at(-1) ?? '';
    const [{ items } = {} as Row] = await rows(folder.path('e.keys'));
    expect(items.map(({ kind, id, role }) => [kind, id, role])).to.deep.equal([
      ['encryption key', line.slice(0, 8), 'encrypts'],
    ]);
    writeFileSync(folder.path('e.keys'), `${line}\n${line}\n`);
    expect((await inspect(folder.path('e.keys'))).err).to.contain('has the id of a key above');
    // A damaged one does not pass for another kind of key.
    writeFileSync(folder.path('e.keys'), `${line}\n0badcafe:${line.slice(9, -1)}\n`);
    const damaged = await inspect(folder.path('e.keys'));
    expect(damaged).to.include({ status: 1, out: '' });
    expect(damaged.err)
      .to.contain('e.keys: line 2 (0badcafe) must have a key of 32 bytes')
      .and.not.to.contain(line.slice(9, -1));
    expect((await folder.keys('rotate', folder.path('e.keys'), '--step', 'add')).err).to.contain('(0badcafe)');
  });

  it('shows for whom a certificate speaks, until when, and which key is its own', async () => {
    await folder.keys('ca', 'init', '--directory', folder.path());
    await folder.keys('ca', 'issue', 'dc1', '--directory', folder.path());
    const [authority, certificate, key] = await rows(
      ...['ca.crt', 'dc1.crt', 'dc1.key'].map((name) => folder.path(name)),
    );
    const read = new X509Certificate(readFileSync(folder.path('dc1.crt')));
    expect(authority!.items[0]).to.include({ kind: 'authority' });
    expect(certificate!.items[0]).to.deep.include({
      kind: 'certificate',
      names: ['dc1'],
      id: read.fingerprint256.replaceAll(':', '').toLowerCase(),
      validTo: new Date(read.validTo).toISOString().replace('.000Z', 'Z'),
    });
    expect(key!.items[0]!.publicKeySha256).to.equal(certificate!.items[0]!.publicKeySha256);
    expect(authority!.items[0]!.publicKeySha256).not.to.equal(certificate!.items[0]!.publicKeySha256);
    const { out } = await inspect(folder.path('dc1.crt'));
    expect(out).to.match(
      new RegExp(`certificate  dc1 +${certificate!.items[0]!.id.slice(0, 16)}  - +\\d{4}-\\d\\d-\\d\\d\\n$`),
    );
  });

  it('warns 30 days before a certificate expires, and fails when it has expired', async () => {
    await folder.keys('ca', 'init', '--directory', folder.path());
    await folder.keys('ca', 'issue', 'dc1', '--directory', folder.path(), '--days', '40');
    const file = folder.path('dc1.crt');
    const after = (days: number) => folder.keysIn(days, 'inspect', file);
    expect(await after(9)).to.include({ status: 0, err: '' });
    const soon = await after(11);
    expect(soon.status).to.equal(0);
    expect(soon.err).to.match(/^crossdc: warning: .*dc1\.crt: the certificate of dc1 expires on \S+, in 28 days\n$/);
    const late = await after(41);
    expect(late.status).to.equal(1);
    expect(late.err).to.match(/the certificate of dc1 expired on \S+; crossdc keys ca issue --renew makes another/);
    const early = await after(-1);
    expect(early.status).to.equal(1);
    expect(early.err).to.contain('is valid from');
  });

  it('fails for a secret that others can use, and warns of one that its group can', async () => {
    const file = folder.path('peer.keys');
    await folder.keys('generate', '--output', file);
    for (const [mode, status, message] of [
      [0o600, 0, ''],
      [0o640, 0, `crossdc: warning: ${file}: its group can use it (mode 0640); chmod 600 makes it right\n`],
      [0o644, 1, `crossdc: ${file}: everybody on this machine can use it (mode 0644); chmod 600 makes it right\n`],
    ] as const) {
      chmodSync(file, mode);
      expect(await inspect(file)).to.include({ status, err: message });
    }
  });

  it('fails for what it cannot read, goes on with the others, and repeats nothing of it', async () => {
    const good = folder.path('peer.keys');
    await folder.keys('generate', '--output', good);
    writeFileSync(folder.path('bad'), 'hunter2\u001b[2J');
    writeFileSync(folder.path('bad.pem'), '-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----\n');
    writeFileSync(folder.path('big'), Buffer.alloc(2 ** 20 + 1));
    const { status, out, err } = await inspect(
      folder.path('none'),
      folder.path('bad'),
      folder.path('bad.pem'),
      folder.path('big'),
      good,
    );
    expect(status).to.equal(1);
    expect(out).to.contain('shared key');
    expect(err).to.contain('none: cannot be read: there is no such file or folder\n');
    expect(err).to.contain('bad: is no file of keys or certificates: key 1 must be of visible ASCII characters\n');
    expect(err).to.contain('bad.pem: has a private key that cannot be read');
    expect(err).to.contain('big: has more than 1048576 bytes');
    expect(out + err).not.to.contain('hunter2');
  });
});
