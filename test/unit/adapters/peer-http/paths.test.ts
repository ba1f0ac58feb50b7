import { expect } from 'chai';
import fc from 'fast-check';
import { parseMachine } from '../../../../src/adapters/peer-http/machine-address.ts';
import { routeOf, snapshotPath } from '../../../../src/adapters/peer-http/paths.ts';
import { oneLine, quoted } from '../../../../src/adapters/peer-http/safe-text.ts';
import { originProblem } from '../../../../src/wire/names.ts';

describe('the paths of the peer protocol', () => {
  it('bring every origin to the other side as it is', () => {
    const origins = fc
      .string({ unit: 'binary', minLength: 1, maxLength: 60 })
      .filter((origin) => originProblem(origin) === null);
    fc.assert(
      fc.property(origins, (origin) => {
        expect(routeOf('PUT', snapshotPath(origin))).to.deep.equal({ kind: 'snapshot', origin });
      }),
    );
  });

  it('never lead to an origin that is none, whatever the target', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (rest) => {
        const route = routeOf('PUT', `/peer/v1/snapshots/${rest}`);
        if (route.kind === 'snapshot') expect(originProblem(route.origin)).to.equal(null);
      }),
    );
  });

  it('are decoded once, never twice', () => {
    expect(routeOf('PUT', '/peer/v1/snapshots/%252e%252e')).to.deep.equal({ kind: 'snapshot', origin: '%2e%2e' });
  });

  it('ignore a query', () => {
    expect(routeOf('POST', '/peer/v1/messages?x=1')).to.deep.equal({ kind: 'message' });
    expect(routeOf('PUT', '/peer/v1/snapshots/a?/b')).to.deep.equal({ kind: 'snapshot', origin: 'a' });
  });
});

describe('the address of a machine', () => {
  it('is taken apart, brackets and all', () => {
    expect(parseMachine('peer.example:25091')).to.deep.equal({
      host: 'peer.example',
      port: 25091,
      authority: 'peer.example:25091',
    });
    expect(parseMachine('[::1]:1')).to.deep.equal({ host: '::1', port: 1, authority: '[::1]:1' });
  });

  for (const text of ['', 'host', 'host:', ':1', 'host:0', 'host:65536', '::1:80', 'a/b:1', 'user@host:1', 'a b:1']) {
    it(`is not ${JSON.stringify(text)}`, () => {
      expect(() => parseMachine(text)).to.throw('host:port');
    });
  }
});

describe('the text of a stranger', () => {
  it('is printable ASCII and bounded, whatever it was', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
        expect(quoted(text)).to.match(/^[\x20-\x7e…]{2,101}$/);
        expect(oneLine(text)).not.to.match(/[\p{Cc}\p{Cf}\u2028\u2029]/u);
      }),
    );
  });

  it('can still be read', () => {
    expect(quoted('GET "x"\n')).to.equal('"GET \\"x\\"\\n"');
    expect(oneLine('The disk\r\nis full – sorry.')).to.equal('The disk is full – sorry.');
  });
});
