import { expect } from 'chai';
import * as v from 'valibot';
import { environmentName } from '../../../src/config/environment.ts';
import { KNOWN_NAMES, OPTION_KEYS, optionOf, parseKey } from '../../../src/config/options.ts';

describe('the table of options', () => {
  for (const key of OPTION_KEYS) {
    const option = optionOf(key);

    it(`documents ${key} in whole sentences`, () => {
      const { meaning, raising, lowering } = option.doc;
      for (const text of [meaning, raising, lowering])
        if (text !== undefined)
          expect(text)
            .to.match(/[.…]$/)
            .and.not.match(/\s{2}|\n/);
      expect(raising === undefined, 'raising and lowering come together').to.equal(lowering === undefined);
    });

    it(`has a default or an example of ${key} that its own check takes`, () => {
      const texts = [option.default, option.example ?? null].filter((text) => text !== null);
      expect(texts).not.to.deep.equal([]);
      for (const text of texts) expect(v.is(option.kind.schema, text), text).to.equal(true);
    });

    it(`takes no empty ${key} and never throws at it`, () => {
      if (option.isIgnored === true) return;
      for (const text of ['', ' ', '\0', 'x'.repeat(10_000), '\ud800', '-1', 'NaN'])
        v.safeParse(option.kind.schema, text);
      if (key !== 'failoverCommand') expect(v.is(option.kind.schema, '')).to.equal(false);
    });
  }

  it('says how much is more for every number', () => {
    const numbers = OPTION_KEYS.filter((key) => optionOf(key).unit !== null);
    expect(numbers).to.include('heartbeatExchangeInterval').and.include('dataSnapshotMaxBytes');
    expect(numbers.filter((key) => optionOf(key).doc.raising === undefined)).to.deep.equal([]);
  });

  it('gives every name a variable of its own', () => {
    expect(new Set(KNOWN_NAMES.map(environmentName)).size).to.equal(KNOWN_NAMES.length);
    expect(new Set(KNOWN_NAMES).size).to.equal(KNOWN_NAMES.length);
  });

  it('knows a key, the file of a secret and the suffix of a peer, and nothing else', () => {
    expect(parseKey('logLevel')).to.deep.equal({ option: 'logLevel', isFile: false, peer: null });
    expect(parseKey('localApiTokenFile')).to.deep.equal({ option: 'localApiToken', isFile: true, peer: null });
    expect(parseKey('remoteDataCenterApplicationMachineNames.dc.3')).to.deep.include({ peer: 'dc.3' });
    for (const key of [
      '',
      'x',
      'logLevelFile',
      'logLevel.dc2',
      '.dc2',
      'toString',
      '__proto__',
      'constructor',
      'hasOwnPropertyFile',
    ]) {
      expect(parseKey(key), key).to.equal(null);
    }
  });
});
