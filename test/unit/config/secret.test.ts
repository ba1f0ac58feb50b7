import { format, inspect } from 'node:util';
import { expect } from 'chai';
import { Secret } from '../../../src/config/secret.ts';

describe('a secret', () => {
  const secret = new Secret('hunter2-hunter2');
  const printed: Record<string, string> = {
    'a template': `${String(secret)} ${secret as unknown as string}`,
    'a sum of texts': 'x' + (secret as unknown as string),
    JSON: JSON.stringify({ secret }),
    inspect: inspect({ secret }, { showHidden: true, depth: 9 }),
    'a format': format('%s %o %O %j', secret, secret, secret, secret),
    'its fields': JSON.stringify([Object.entries(secret), Object.assign({}, secret)]),
    'an error': new Error(String(secret)).message,
  };
  for (const [name, text] of Object.entries(printed)) {
    it(`is not printed by ${name}`, () => {
      expect(text).not.to.contain('hunter2');
    });
  }

  it('gives its value to who asks for it by name', () => {
    expect(secret.reveal()).to.equal('hunter2-hunter2');
    expect(String(secret)).to.equal('***');
  });
});
