import { expect } from 'chai';
import fc from 'fast-check';
import { namesInCertificate } from '../../../src/core/certificate-names.ts';

const names = (subjectAltName: string | undefined, subject = 'CN=other'): readonly string[] =>
  namesInCertificate({ subjectAltName, subject });

describe('the names in a certificate', () => {
  it('are those of the crossdc URIs, and of nothing else beside them', () => {
    expect(names('URI:crossdc://dc1, DNS:dc2.example', 'CN=dc3\nO=Acme')).to.deep.equal(['dc1']);
    expect(names('DNS:a.example, URI:crossdc://dc1, URI:crossdc://dc2')).to.deep.equal(['dc1', 'dc2']);
    expect(names('URI:crossdc://dc1, URI:crossdc://dc1')).to.deep.equal(['dc1']);
  });

  it('are the DNS names where no URI is of ours', () => {
    expect(names('URI:spiffe://x/dc9, DNS:dc1, DNS:dc2.example, IP Address:10.0.0.1', 'CN=dc3')).to.deep.equal([
      'dc1',
      'dc2.example',
    ]);
  });

  it('are the common name where there is no DNS name either', () => {
    expect(names(undefined, 'C=DE\nO=Acme\nCN=dc1')).to.deep.equal(['dc1']);
    expect(names('IP Address:0:0:0:0:0:0:0:1, email:a@b.c, Registered ID:1.2.3', 'CN=dc1')).to.deep.equal(['dc1']);
    expect(names('', 'CN=dc1')).to.deep.equal(['dc1']);
    expect(names(undefined, 'CN=dc1 + O=Acme')).to.deep.equal(['dc1']);
  });

  it('are none when a URI of ours has no valid name: neither the DNS name nor the common name stands in for it', () => {
    for (const uri of [
      'crossdc://',
      'crossdc://dc1/',
      'crossdc://-dc1',
      'crossdc://dc1:1',
      'crossdc://a@dc1',
      'CrossDC://',
    ])
      expect(names(`URI:${uri}, DNS:dc2`, 'CN=dc3'), uri).to.deep.equal([]);
    expect(names(`URI:crossdc://${'a'.repeat(65)}, DNS:dc2`)).to.deep.equal([]);
    expect(names(`URI:crossdc://${'a'.repeat(64)}, DNS:dc2`)).to.deep.equal(['a'.repeat(64)]);
  });

  it('take the scheme of a URI without case and the name with it', () => {
    expect(names('URI:CROSSDC://Dc1, DNS:dc2')).to.deep.equal(['Dc1']);
  });

  it('are none of a wildcard, and the common name does not stand in for a DNS name', () => {
    expect(names('DNS:*.example', 'CN=dc1')).to.deep.equal([]);
    expect(names('DNS:*', 'CN=dc1')).to.deep.equal([]);
    expect(names('DNS:*.example, DNS:dc1', 'CN=dc2')).to.deep.equal(['dc1']);
  });

  it('do not come out of the inside of another value', () => {
    expect(names('DNS:"a\\u002c URI:crossdc://dc1"')).to.deep.equal([]);
    expect(names('email:"x\\u002c DNS:dc1", DNS:dc2')).to.deep.equal(['dc2']);
    expect(names('URI:"crossdc://dc1\\u002c DNS:dc9", DNS:dc2')).to.deep.equal([]);
    expect(names('DirName:CN=URI:crossdc://dc1, DNS:dc2')).to.deep.equal(['dc2']);
    expect(names('DirName:"CN = a\\u002c URI:crossdc://dc1", DNS:dc2')).to.deep.equal(['dc2']);
    expect(names('DNS:"dc1\\u0000.example"')).to.deep.equal([]);
    expect(names('othername:<unsupported>, DNS:dc2')).to.deep.equal(['dc2']);
  });

  it('are none when the list is of no form that we know', () => {
    for (const list of [
      'URI:crossdc://dc1,DNS:dc2',
      'URI:crossdc://dc1, ',
      'URI:crossdc://dc1, DNS',
      'URI:"crossdc://dc1',
      'URI:"crossdc://dc1"DNS:x',
      'URI:cross"dc://dc1',
      'URI:"crossdc://dc1\\x"',
      ', URI:crossdc://dc1',
    ])
      expect(names(list, 'CN=dc3'), list).to.deep.equal([]);
  });

  it('are none of several common names', () => {
    expect(names(undefined, 'CN=dc1\nCN=dc2')).to.deep.equal([]);
    expect(names(undefined, 'CN=dc1\nCN=dc1')).to.deep.equal([]);
    expect(names(undefined, 'CN=dc1\nO=Acme + CN=dc2')).to.deep.equal([]);
    expect(names(undefined, 'CN=dc1\nCN=Some Text')).to.deep.equal([]);
  });

  it('are none of a common name with an escape, and none of another attribute', () => {
    expect(names(undefined, 'CN=dc1\\0ACN=dc9')).to.deep.equal([]);
    expect(names(undefined, 'CN=dc1\\, DNS:evil')).to.deep.equal([]);
    expect(names(undefined, 'CN=\\ dc1')).to.deep.equal([]);
    expect(names(undefined, 'O=CN=dc1')).to.deep.equal([]);
    expect(names(undefined, 'O=Acme\\+CN=dc9\nOU= \\+ CN=dc9\nCN=dc1')).to.deep.equal(['dc1']);
    expect(names(undefined, 'emailAddress=dc1\nDN=dc1')).to.deep.equal([]);
    expect(names(undefined, '')).to.deep.equal([]);
  });

  it('are valid and whole values of the certificate, whatever it says', () => {
    const piece = fc.constantFrom(
      'URI:',
      'DNS:',
      'crossdc://',
      'dc1',
      '"',
      ', ',
      ',',
      '\\',
      '\\"',
      'CN=',
      '\n',
      ' + ',
      '*',
      ' ',
    );
    const text = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(''));
    fc.assert(
      fc.property(text, text, (subjectAltName, subject) => {
        for (const name of namesInCertificate({ subjectAltName, subject })) {
          expect(name).to.match(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/);
          expect(`${subjectAltName}\n${subject}`).to.match(new RegExp(`(//|DNS:"?|CN=)${name.replaceAll('.', '\\.')}`));
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('come out of any DNS value that Node has quoted only when the whole of it is a name', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary-ascii', maxLength: 20 }), (value) => {
        // As Node writes it: what has a comma, a quote, a backslash or a control character is quoted as JSON.
        const isOdd = /[^\x20-\x7e]|["',\\]/.test(value);
        const written = isOdd ? JSON.stringify(value).replaceAll(',', '\\u002c') : value;
        const expected = /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(value) ? [value, 'dc2'] : ['dc2'];
        expect(names(`DNS:${written}, DNS:dc2`)).to.deep.equal([...new Set(expected)]);
      }),
      { numRuns: 2000 },
    );
  });
});
