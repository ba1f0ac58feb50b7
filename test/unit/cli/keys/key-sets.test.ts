import { expect } from 'chai';
import fc from 'fast-check';
import { CliError } from '../../../../src/cli/exit-status.ts';
import { keyFileText, parseKeyFile, STEPS, type Step } from '../../../../src/cli/keys/key-file.ts';
import { rotated, type Member } from '../../../../src/cli/keys/key-sets.ts';
import { newEncryptionKey, newPrivateKey, newSharedKey, publicHalf } from '../../../../src/cli/keys/make-keys.ts';
import { parsePeerKeys, type PeerKey } from '../../../../src/core/peer-keys.ts';

const NAMES = ['dc1', 'dc2', 'dc3'];

/** The files of three data centres, as texts. */
function pairTexts(): string[] {
  const seeds = NAMES.map((name) => newPrivateKey(name));
  const publicOf = (index: number): string => publicHalf(NAMES[index]!, seeds[index]!.split(':')[3]!);
  return NAMES.map((_, own) =>
    [seeds[own]!, ...NAMES.flatMap((__, other) => (other === own ? [] : [publicOf(other)]))].join('\n'),
  );
}

const membersOf = (texts: readonly string[]): Member[] =>
  texts.map((text, index) => ({ path: `${NAMES[index] ?? 'x'}.keys`, file: parseKeyFile(text) }));

const stepped = (texts: readonly string[], step: Step): string[] => rotated(membersOf(texts), step, 0).map(keyFileText);

function keysOf(text: string): readonly PeerKey[] {
  const keys = parsePeerKeys(text);
  if (keys instanceof Error) throw keys;
  return keys;
}

/** Whether every gateway can check what every other one signs, each with the file that it has. */
function understandEachOther(texts: readonly string[]): boolean {
  return texts.every((text, index) => {
    const signing = keysOf(text).find(({ kind }) => kind !== 'public');
    if (signing === undefined || signing.kind === 'public') return false;
    const known =
      signing.kind === 'shared' ? signing.secret.reveal() : publicHalf(NAMES[index]!, signing.seed.reveal());
    return texts.every((other, at) => at === index || other.includes(known));
  });
}

function refusal(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof CliError) return error.message;
    throw error;
  }
  return 'nothing';
}

describe('a rotation', () => {
  for (const [kind, start] of [
    ['shared keys', (): string[] => [newSharedKey()]],
    ['pairs', pairTexts],
  ] as const) {
    it(`of ${kind} leaves no moment at which one gateway does not understand another, however slowly the files get around`, () => {
      const before = start();
      const width = NAMES.length;
      const everywhere = (texts: readonly string[]): string[] => NAMES.map((_, index) => texts[index] ?? texts[0]!);
      let texts = before;
      for (const step of STEPS) {
        const after = stepped(texts, step);
        expect(after).not.to.deep.equal(texts);
        // Every subset of the gateways has the new file already.
        for (let mask = 0; mask < 2 ** width; mask += 1) {
          const mixed = NAMES.map((_, index) => (mask & (1 << index) ? everywhere(after) : everywhere(texts))[index]!);
          expect(understandEachOther(mixed), `${step} ${mask.toString(2)}`).to.equal(true);
        }
        texts = after;
      }
      expect(texts.map((text) => keysOf(text).length)).to.deep.equal(before.map((text) => keysOf(text).length));
      const old = new Set(before.flatMap((text) => text.split('\n')));
      for (const text of texts)
        for (const line of text.split('\n')) expect(old.has(line) && line !== '', line).to.equal(false);
    });

    it(`of ${kind} takes no step too early, and none twice`, () => {
      const texts = start();
      expect(refusal(() => stepped(texts, 'use'))).to.match(
        /no key was added that could be used; first comes --step add$/,
      );
      expect(stepped(texts, 'drop').map((text) => text.trim())).to.deep.equal(texts);
      const added = stepped(texts, 'add');
      expect(stepped(added, 'add')).to.deep.equal(added);
      expect(refusal(() => stepped(added, 'drop'))).to.match(/does not sign yet; first comes --step use$/);
      const used = stepped(added, 'use');
      expect(stepped(used, 'use')).to.deep.equal(used);
      const dropped = stepped(used, 'drop');
      expect(stepped(dropped, 'drop')).to.deep.equal(dropped);
    });
  }

  it('of pairs that was interrupted between two files is completed by the same step', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 3, maxLength: 3 }), (cuts) => {
        let texts = pairTexts();
        for (const [index, step] of STEPS.entries()) {
          const cut = cuts[index] ?? 0;
          const partly = stepped(texts, step).map((text, at) => (at < cut ? text : texts[at]!));
          expect(understandEachOther(partly)).to.equal(true);
          texts = stepped(partly, step);
          expect(understandEachOther(texts)).to.equal(true);
        }
        for (const text of texts) expect(keysOf(text)).to.have.length(3);
        for (const text of texts) expect(text).not.to.contain('# next').and.not.to.contain('# old');
      }),
      { numRuns: 30 },
    );
  });

  it('of pairs wants the files of all data centres, one of each', () => {
    const texts = pairTexts();
    const lacking = 'dc1.keys has keys of dc3, whose file is not given: the files of all data centres change together';
    expect(refusal(() => stepped(texts.slice(0, 2), 'add'))).to.equal(lacking);
    expect(refusal(() => stepped([...texts, texts[0]!], 'add'))).to.equal(
      'keys rotate: x.keys is a second file of dc1',
    );
    expect(refusal(() => stepped([`${texts[0]!}\n${newSharedKey()}`, texts[1]!, texts[2]!], 'add'))).to.match(
      /^dc1.keys has a shared key beside pairs/,
    );
    const two = [`${texts[0]!}\n${newPrivateKey('dc2')}`, texts[1]!, texts[2]!];
    expect(refusal(() => stepped(two, 'add'))).to.equal(
      'dc1.keys has private keys of dc1 and of dc2; a file is for one data centre',
    );
  });

  it('of pairs does not use a key that one of the others does not have', () => {
    const added = stepped(pairTexts(), 'add');
    const forgotten = added[1]!.split('\n').filter((line) => !line.startsWith('ed25519:dc1:public:'));
    const [older] = added[1]!.split('\n').filter((line) => line.startsWith('ed25519:dc1:public:'));
    expect(refusal(() => stepped([added[0]!, [...forgotten, older!].join('\n'), added[2]!], 'use'))).to.equal(
      'dc2.keys lacks a key of dc1.keys; --step add puts it there',
    );
  });

  it('of encryption keys never drops one', () => {
    const first = newEncryptionKey();
    const used = stepped(stepped([first], 'add'), 'use');
    expect(used[0]!.split('\n').filter((line) => /^[0-9a-f]{8}:/.test(line)))
      .to.have.length(2)
      .and.to.include(first);
    expect(used[0]!.trim().endsWith(first)).to.equal(true);
    expect(refusal(() => stepped(used, 'drop'))).to.match(/^dc1.keys: the old keys stay: /);
  });

  it('is none of what is no file of keys, and repeats nothing of it', () => {
    expect(refusal(() => stepped(['hunter2'], 'add')))
      .to.match(/^dc1.keys is no file of keys: key 1 must have/)
      .and.not.to.contain('hunter2');
    expect(refusal(() => stepped([''], 'add'))).to.equal('dc1.keys is no file of keys: must have at least one key');
    const hash = `${newSharedKey()},#${newSharedKey()}`;
    expect(refusal(() => stepped([hash], 'add'))).to.match(/^dc1.keys has a key that begins with #/);
    expect(refusal(() => stepped([newSharedKey(), newSharedKey()], 'add'))).to.match(/^keys rotate takes one FILE/);
  });
});
