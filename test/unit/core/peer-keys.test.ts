import { inspect } from 'node:util';
import { expect } from 'chai';
import fc from 'fast-check';
import { parsePeerKeys, SHARED_KEY_MIN_CHARACTERS, type PeerKey } from '../../../src/core/peer-keys.ts';

const SHARED = 'Q3v7hX0pLw9sZb2kTn5mRy8cFj4dGa6e';
const OTHER = 'another+key/that=has~more:than#thirty-two!';
const HALF = 'A'.repeat(42) + 'B';

function good(text: string): readonly PeerKey[] {
  const keys = parsePeerKeys(text);
  if (keys instanceof Error) throw keys;
  return keys;
}

function bad(text: string): string {
  const keys = parsePeerKeys(text);
  if (!(keys instanceof Error)) throw new Error('the keys were taken');
  return keys.message;
}

describe('the keys of the peers', () => {
  it('are shared ones, or halves of a pair that bear the name of a data centre', () => {
    const [shared, secret, open] = good(`${SHARED} ed25519:dc1:private:${HALF} ed25519:dc.2-x_y:public:${HALF}`);
    expect(shared?.kind === 'shared' && shared.secret.reveal()).to.equal(SHARED);
    expect(secret?.kind === 'private' && secret.seed.reveal()).to.equal(HALF);
    expect(secret).to.include({ dataCenter: 'dc1' });
    expect(open).to.deep.equal({ kind: 'public', dataCenter: 'dc.2-x_y', key: HALF });
  });

  it('come in their order, between commas, blanks or lines, with lines for people between them', () => {
    for (const text of [
      `${SHARED},${OTHER}`,
      `${SHARED} ${OTHER}`,
      `\n\r\n# made on Monday, by me\r\n${SHARED}\r\n  # the old one\n\t${OTHER}\n`,
      `,, ${SHARED} ,\t,${OTHER},`,
    ]) {
      const keys = good(text).map((key) => key.kind === 'shared' && key.secret.reveal());
      expect(keys, text).to.deep.equal([SHARED, OTHER]);
    }
  });

  it('print nothing that is secret', () => {
    const keys = good(`${SHARED},ed25519:dc1:private:${HALF}`);
    for (const text of [
      JSON.stringify(keys),
      inspect(keys, { depth: 9, showHidden: true }),
      Object.values(keys[0] ?? {}).join(),
    ])
      expect(text).not.to.contain(SHARED).and.not.to.contain(HALF);
  });

  for (const [what, text, message] of [
    ['nothing', '', /^must have at least one key$/],
    ['a comment alone', '# to come\n', /^must have at least one key$/],
    ['a key that is too short', SHARED.slice(1), /^key 1 must have at least 32 characters; crossdc keys generate/],
    ['a second one that is too short', `${SHARED},hunter2`, /^key 2 must have at least 32 characters/],
    ['a key that is too long', `${SHARED.repeat(16)}x`, /^key 1 must have at most 512 characters$/],
    ['one letter many times', 'x'.repeat(64), /^key 1 must be random; crossdc keys generate makes one$/],
    ['a word many times', 'changeme'.repeat(5), /^key 1 must be random/],
    ['letters that no header takes', `${SHARED}ä`, /^key 1 must be of visible ASCII characters$/],
    ['a half with a short value', `ed25519:dc1:private:${HALF.slice(1)}`, /^key 1 must be of the form ed25519:DC/],
    ['a half with a long value', `ed25519:dc1:private:${HALF}A`, /^key 1 must be of the form/],
    ['a half of no known kind', `ed25519:dc1:secret:${HALF}`, /^key 1 must be of the form/],
    ['a half of nobody', `ed25519::public:${HALF}`, /^key 1 must be of the form/],
    ['a half of a name that is none', `ed25519:-dc1:public:${HALF}`, /^key 1 must be of the form/],
    ['public halves alone', `ed25519:dc2:public:${HALF}`, /^must have a key that can sign, not public keys alone$/],
    ['more keys than anybody has', `${SHARED},`.repeat(65), /^must have at most 64 keys$/],
  ] as const) {
    it(`are not ${what}`, () => {
      expect(bad(text)).to.match(message);
    });
  }

  it('are never repeated by what is said of them', () => {
    const near = fc.stringMatching(/^[A-Za-z0-9:_-]{6,40}$/);
    const broken = fc.oneof(
      near,
      near.map((text) => `ed25519:dc1:private:${text}`),
      near.map((text) => `ed25519:${text}`),
      near.map((text) => `${text}${'ä'.repeat(40)}`),
    );
    fc.assert(
      fc.property(broken, (text) => {
        const keys = parsePeerKeys(text);
        if (!(keys instanceof Error)) return;
        const said = keys.message.replaceAll('ed25519:DC:private:KEY or ed25519:DC:public:KEY', '');
        for (const part of text.split(/[^A-Za-z0-9]+/).filter((word) => word.length >= 6 && word !== 'private'))
          if (part !== 'ed25519') expect(said).not.to.contain(part);
      }),
    );
  });

  it('of the least length are taken', () => {
    expect(SHARED).to.have.length(SHARED_KEY_MIN_CHARACTERS);
    expect(good(SHARED)).to.have.length(1);
    expect(good(Array.from({ length: 64 }, () => SHARED).join('\n'))).to.have.length(64);
  });
});
