import { expect } from 'chai';
import fc from 'fast-check';
import { ENCRYPTED_FORMAT, seal, unseal } from '../../../../src/adapters/storage/sealed-document.ts';

describe('A sealed document', () => {
  it('gives back any JSON value', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const opened = unseal(seal(value));
        expect(opened.kind).to.equal('value');
        if (opened.kind === 'value') expect(JSON.stringify(opened.value)).to.equal(JSON.stringify(value));
      }),
    );
  });

  it('is not believed when any one of its characters was changed', () => {
    const text = seal({ version: 12345, position: 'offset 7', labels: { a: 'b' } });
    const value = text.slice(text.indexOf('"value":') + 8, -2);
    for (let i = text.indexOf(value); i < text.indexOf(value) + value.length; i += 1) {
      const flipped = text.slice(0, i) + String.fromCharCode(text.charCodeAt(i) ^ 1) + text.slice(i + 1);
      expect(unseal(flipped).kind, flipped).to.equal('damaged');
    }
  });

  it('is not believed when it was cut short, is empty, or is something else', () => {
    const text = seal({ a: 1 });
    for (let end = 0; end < text.length - 1; end += 1) expect(unseal(text.slice(0, end)).kind).to.equal('damaged');
    for (const other of ['{}', 'null', '[]', '7', '{"format":1,"value":{}}', '{"format":1,"sha256":null,"value":{}}']) {
      expect(unseal(other).kind, other).to.equal('damaged');
    }
  });

  it('of a newer form is told apart from a damaged one', () => {
    expect(unseal('{"format":3,"sha256":"?","value":{}}')).to.deep.equal({ kind: 'newer', format: 3 });
  });

  it('of a row whose bytes are encrypted says so in its form, which an older program leaves alone', () => {
    const text = seal({ a: 1 }, ENCRYPTED_FORMAT);
    expect(text).to.match(/^\{"format":2,/);
    expect(unseal(text)).to.deep.equal({ kind: 'value', value: { a: 1 } });
  });
});
