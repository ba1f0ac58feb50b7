import { inspect } from 'node:util';
import { expect } from 'chai';
import { ENCRYPTION_KEYS_MAX, parseEncryptionKeys, type EncryptionKey } from '../../../src/core/encryption-keys.ts';
import { encryptionKey } from '../../support/encryption-keys.ts';

function lineOf(id: string, seed = id): string {
  return `${id}:${encryptionKey(id, seed).key.reveal()}`;
}

function keysOf(text: string): readonly EncryptionKey[] {
  const keys = parseEncryptionKeys(text);
  if (keys instanceof Error) throw keys;
  return keys;
}

function problemOf(text: string): string {
  const keys = parseEncryptionKeys(text);
  if (!(keys instanceof Error)) throw new Error('the keys were taken');
  return keys.message;
}

describe('the keys that encrypt what is stored', () => {
  it('stand one a line, in an order that is kept, with comments and empty lines between them', () => {
    const text = `# ours\r\n\n  ${lineOf('0badcafe')}\r\n#${lineOf('11111111')}\n${lineOf('00000001')}`;
    const keys = keysOf(text);
    expect(keys.map(({ id }) => id)).to.deep.equal(['0badcafe', '00000001']);
    expect(keys.map(({ key }) => key.reveal())).to.deep.equal(
      ['0badcafe', '00000001'].map((id) => encryptionKey(id).key.reveal()),
    );
    expect(Buffer.from(keys[0]?.key.reveal() ?? '', 'base64url').length).to.equal(32);
    expect(inspect(keys)).not.to.contain(encryptionKey('0badcafe').key.reveal());
  });

  it('are refused with the line that is wrong, and with nothing of a key', () => {
    const good = lineOf('0badcafe');
    const key = encryptionKey('0badcafe').key.reveal();
    const cases: readonly (readonly [string, RegExp])[] = [
      ['', /^must have at least one key/],
      ['# nothing\n\n', /^must have at least one key/],
      [key, /^line 1 must be of the form KEYID:KEY/],
      [`${key}:0badcafe`, /^line 1 must be of the form/],
      [`0BADCAFE:${key}`, /^line 1 must be of the form/],
      [`0badcaf:${key}`, /^line 1 must be of the form/],
      [`${good} # ours`, /^line 1 \(0badcafe\) must have a key of 32 bytes/],
      [`0badcafe:${key.slice(1)}`, /^line 1 \(0badcafe\) must have a key of 32 bytes/],
      [`0badcafe:${key}A`, /^line 1 \(0badcafe\) must have a key of 32 bytes/],
      [`0badcafe:${key.slice(0, -1)}B`, /^line 1 \(0badcafe\) must have a key of 32 bytes/],
      [`0badcafe:${'A'.repeat(43)}`, /^line 1 \(0badcafe\) must have a random key/],
      [`0badcafe:${'abcdefgh'.repeat(5)}abc`.replace(/c$/, 'A'), /^line 1 \(0badcafe\) must have a random key/],
      [`# x\n${good}\n${lineOf('0badcafe', 'other')}`, /^line 3 \(0badcafe\) has the id of a key above/],
      [`${good}\n${lineOf('00000001', '0badcafe')}`, /^line 2 \(00000001\) has the same key as 0badcafe/],
      [
        Array.from({ length: ENCRYPTION_KEYS_MAX + 1 }, (_, i) => lineOf(i.toString(16).padStart(8, '0'))).join('\n'),
        /^must have at most 64 keys/,
      ],
    ];
    for (const [text, problem] of cases) {
      expect(problemOf(text), text).to.match(problem);
      expect(problemOf(text)).not.to.contain(key.slice(1, 12));
    }
  });
});
