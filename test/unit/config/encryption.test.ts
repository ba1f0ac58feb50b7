import { inspect } from 'node:util';
import { expect } from 'chai';
import { encryptionKey } from '../../support/encryption-keys.ts';
import { configOf, fileError, LEAST, loadGood, problemsOf } from './load-text.ts';

const PATH = '/etc/crossdc/snapshots.keys';
const TEXT = `${LEAST}snapshotEncryptionKeyFile=${PATH}\n`;
const SECRET = encryptionKey('0badcafe').key.reveal();

describe('the file of keys that encrypt what is stored', () => {
  it('gives its keys, the first first', () => {
    const other = encryptionKey('00000001').key.reveal();
    const { snapshotEncryptionKeys } = configOf(TEXT, {
      files: { [PATH]: `# ours\n0badcafe:${SECRET}\n00000001:${other}\n` },
    });
    expect(snapshotEncryptionKeys.map(({ id, key }) => [id, key.reveal()])).to.deep.equal([
      ['0badcafe', SECRET],
      ['00000001', other],
    ]);
  });

  it('is not needed: nothing is encrypted without it', () => {
    expect(configOf(LEAST).snapshotEncryptionKeys).to.deep.equal([]);
  });

  it('that is missing or not right keeps the gateway from starting, with key and line and nothing of a secret', () => {
    const complaint = (content: string | Error): string => problemsOf(TEXT, { files: { [PATH]: content } }).join('\n');
    expect(complaint(fileError('ENOENT'))).to.contain(
      `:3: snapshotEncryptionKeyFile: "${PATH}" cannot be read: there is no such file; crossdc keys generate --encryption`,
    );
    expect(complaint('')).to.contain(`:3: snapshotEncryptionKeyFile: "${PATH}" must have at least one key`);
    const swapped = complaint(`\n${SECRET}:0badcafe`);
    expect(swapped).to.contain(`"${PATH}" line 2 must be of the form KEYID:KEY`);
    expect(swapped).not.to.contain(SECRET);
  });

  it('appears nowhere with what is in it', () => {
    const loaded = loadGood(TEXT, { files: { [PATH]: `0badcafe:${SECRET}\n` } });
    expect(inspect(loaded, { depth: 10 }) + JSON.stringify(loaded)).not.to.contain(SECRET);
  });
});
