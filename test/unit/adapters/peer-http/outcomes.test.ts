import { expect } from 'chai';
import fc from 'fast-check';
import {
  errorOutcome,
  inventoryOutcome,
  messageOutcome,
  transferOutcome,
} from '../../../../src/adapters/peer-http/outcomes.ts';

function failing(code: string, message = 'It failed.', cause?: unknown): Error {
  return Object.assign(new Error(message, { cause }), { code });
}

describe('what an error says about a machine', () => {
  const cases: [string, Error, object][] = [
    ['a refused connection', failing('ECONNREFUSED'), { kind: 'failed', reason: 'unreachable' }],
    ['no route', failing('EHOSTUNREACH'), { kind: 'failed', reason: 'unreachable' }],
    ['no network', failing('ENETUNREACH'), { kind: 'failed', reason: 'unreachable' }],
    ['no such name', failing('ENOTFOUND'), { kind: 'failed', reason: 'unreachable' }],
    ['a name server that is away', failing('EAI_AGAIN'), { kind: 'failed', reason: 'unreachable' }],
    ['a connection that timed out', failing('ETIMEDOUT'), { kind: 'failed', reason: 'timeout' }],
    ['the same in the library', failing('UND_ERR_CONNECT_TIMEOUT'), { kind: 'failed', reason: 'timeout' }],
    [
      'a reason behind the library',
      failing('UND_ERR_SOCKET', 'closed', failing('ETIMEDOUT')),
      { kind: 'failed', reason: 'timeout' },
    ],
    ['plain text where TLS was wanted', failing('EPROTO'), { kind: 'refused', reason: 'tls' }],
    ['a certificate that is over', failing('CERT_HAS_EXPIRED'), { kind: 'refused', reason: 'tls' }],
    ['a certificate of nobody', failing('DEPTH_ZERO_SELF_SIGNED_CERT'), { kind: 'refused', reason: 'tls' }],
    ['a certificate for another', failing('ERR_TLS_CERT_ALTNAME_INVALID'), { kind: 'refused', reason: 'tls' }],
    ['no HTTP', failing('HPE_INVALID_CONSTANT'), { kind: 'refused', reason: 'not-a-gateway' }],
    [
      'no HTTP, without a code',
      Object.assign(new Error('x'), { name: 'HTTPParserError' }),
      { kind: 'refused', reason: 'not-a-gateway' },
    ],
    ['anything else', new Error('what'), { kind: 'failed', reason: 'unreachable' }],
  ];
  for (const [what, error, expected] of cases) {
    it(`is ${JSON.stringify(expected)} for ${what}`, () => {
      expect(errorOutcome(error, false)).to.deep.include(expected);
    });
  }

  it('is an interruption once the machine was connected', () => {
    expect(errorOutcome(failing('ECONNRESET'), true)).to.deep.include({ kind: 'failed', reason: 'interrupted' });
  });

  it('names the code when several addresses failed and the error says nothing', () => {
    expect(errorOutcome(failing('ECONNREFUSED', ''), false).detail).to.equal('ECONNREFUSED');
  });
});

describe('what an answer says about a machine', () => {
  it('is an outcome for every status and every body', () => {
    const status = fc.integer({ min: 100, max: 999 });
    const body = fc.oneof(
      fc.uint8Array(),
      fc.json().map((text) => Buffer.from(text)),
    );
    fc.assert(
      fc.property(status, body, (code, bytes) => {
        const answer = { status: code, body: bytes };
        expect(messageOutcome(answer, 1).kind).to.be.oneOf(['refused', 'failed']);
        expect(transferOutcome(answer).kind).to.be.oneOf(code === 200 ? ['stored'] : ['refused', 'failed']);
        expect(inventoryOutcome(answer).kind).to.be.oneOf(code === 200 ? ['refused', 'rows'] : ['refused', 'failed']);
      }),
    );
  });

  it('is never that a version is there when another conflict was meant', () => {
    const problem = { type: 'urn:crossdc:problem:delivery-conflict', has: 5 };
    const outcome = transferOutcome({ status: 409, body: Buffer.from(JSON.stringify(problem)) });
    expect(outcome).to.deep.include({ kind: 'failed', reason: 'bad-request' });
  });
});
