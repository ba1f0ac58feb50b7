import { expect } from 'chai';
import { TokenAuthority, type OutgoingRequest } from '../../../../src/adapters/peer-auth/token-authority.ts';
import { GatewayError } from '../../../../src/errors.ts';
import { sha256Base64url, SIGNATURE_HEADER } from '../../../../src/wire/tokens.ts';
import { KEY, OTHER_KEY, ringOf } from '../../../support/trust.ts';

const REQUEST: OutgoingRequest = {
  method: 'PUT',
  path: '/peer/v1/snapshots/a%20b',
  headers: { 'crossdc-version': '7', 'Crossdc-Label-X': 'y', 'content-length': '3', 'user-agent': 'somebody' },
  bodyDigest: sha256Base64url('abc'),
};

/** What a request became when it arrived. */
function received(
  token: string,
  changes: Readonly<Record<string, string>> = {},
): Parameters<TokenAuthority['admit']>[0] {
  const headers = Object.fromEntries(
    Object.entries(REQUEST.headers).map(([name, value]) => [name.toLowerCase(), value]),
  );
  return {
    method: REQUEST.method,
    target: REQUEST.path,
    headers: { ...headers, ...changes, authorization: `Bearer ${token}` },
  };
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'admitted';
  } catch (error) {
    if (error instanceof GatewayError) return error.code;
    throw error;
  }
}

describe('the authority of tokens', () => {
  const dc1 = (): TokenAuthority => new TokenAuthority('dc1', ringOf(KEY, 'dc1'));
  const dc2 = (): TokenAuthority => new TokenAuthority('dc2', ringOf(KEY, 'dc2'));

  it('admits a token once, for the request that it was made for', async () => {
    const [sender, receiver] = [dc1(), dc2()];
    const session = { audience: 'dc2', challenge: receiver.challenge };
    const token = await sender.sign(REQUEST, session);
    expect(await codeOf(receiver.admit(received(token, { 'crossdc-version': '8' })))).to.equal('token-mismatch');
    expect(await codeOf(receiver.admit(received(token, { 'crossdc-label-z': '1' })))).to.equal('token-mismatch');
    expect(await receiver.admit(received(token, { 'user-agent': 'a proxy', connection: 'close' }))).to.deep.equal({
      dataCenter: 'dc1',
      bodyDigest: REQUEST.bodyDigest,
    });
    expect(await codeOf(receiver.admit(received(token)))).to.equal('token-replayed');
  });

  it('admits nothing that was made for another run: whatever was recorded is worth nothing after a start', async () => {
    const sender = dc1();
    const before = dc2();
    const token = await sender.sign(REQUEST, { audience: 'dc2', challenge: before.challenge });
    expect(await codeOf(dc2().admit(received(token)))).to.equal('token-stale');
  });

  it('tells its challenge in an answer that belongs to one request, and that alone is believed', async () => {
    const [sender, receiver] = [dc1(), dc2()];
    const session = { audience: 'dc2', challenge: '' };
    const token = await sender.sign(REQUEST, session);
    const body = Buffer.from('{}');
    const headers = await receiver.seal(received(token).headers, 401, body);
    const signature = headers[SIGNATURE_HEADER] ?? '';
    expect(headers['www-authenticate']).to.equal(`Bearer realm="dc2", challenge="${receiver.challenge}"`);
    const answer = { signature, status: 401, body };
    expect(await sender.answerer(await sender.sign(REQUEST, session), answer, session)).to.equal(null);
    expect(await sender.answerer(token, { ...answer, status: 200 }, session)).to.equal(null);
    expect(await sender.answerer(token, { ...answer, body: Buffer.from('[]') }, session)).to.equal(null);
    expect(session.challenge).to.equal('');
    expect(await sender.answerer(token, answer, session)).to.equal('dc2');
    expect(session.challenge).to.equal(receiver.challenge);
  });

  it('takes no request for an answer, and no answer for a request', async () => {
    const [sender, receiver] = [dc1(), dc2()];
    const token = await sender.sign(REQUEST, { audience: 'dc2', challenge: receiver.challenge });
    const sealed = (await receiver.seal(received(token).headers, 200, Buffer.from('')))[SIGNATURE_HEADER] ?? '';
    expect(await codeOf(receiver.admit(received(sealed)))).to.equal('token-invalid');
    const session = { audience: 'dc2', challenge: '' };
    expect(await sender.answerer(token, { signature: token, status: 200, body: Buffer.from('') }, session)).to.equal(
      null,
    );
  });

  it('takes a new challenge when there is no room for another run, and nothing from before counts any more', async () => {
    const receiver = dc2();
    const first = receiver.challenge;
    const old = await dc1().sign(REQUEST, { audience: 'dc2', challenge: first });
    expect(await codeOf(receiver.admit(received(old)))).to.equal('admitted');
    for (let run = 0; run < 255; run += 1)
      await receiver.admit(received(await dc1().sign(REQUEST, { audience: 'dc2', challenge: first })));
    const late = dc1();
    const session = { audience: 'dc2', challenge: first };
    expect(await codeOf(receiver.admit(received(await late.sign(REQUEST, session))))).to.equal('token-stale');
    expect(receiver.challenge).to.not.equal(first);
    expect(await codeOf(receiver.admit(received(old)))).to.equal('token-stale');
    session.challenge = receiver.challenge;
    expect(await codeOf(receiver.admit(received(await late.sign(REQUEST, session))))).to.equal('admitted');
  });

  it('follows its keys at once, without a new challenge', async () => {
    const [sender, receiver] = [dc1(), dc2()];
    const session = { audience: 'dc2', challenge: receiver.challenge };
    const old = await sender.sign(REQUEST, session);
    receiver.replaceKeys(ringOf(OTHER_KEY, 'dc2'));
    expect(await codeOf(receiver.admit(received(old)))).to.equal('token-invalid');
    sender.replaceKeys(ringOf(OTHER_KEY, 'dc1'));
    expect(await codeOf(receiver.admit(received(await sender.sign(REQUEST, session))))).to.equal('admitted');
  });
});
