import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { expect } from 'chai';
import { CompactSign, decodeProtectedHeader, UnsecuredJWT } from 'jose';
import { REQUEST_TYPE } from '../../../../src/wire/tokens.ts';
import { KEY, OTHER_KEY, ringOf } from '../../../support/trust.ts';

const CLAIMS = { iss: 'dc1' };

function pair(): { seed: string; open: string; der: Buffer } {
  const { privateKey } = generateKeyPairSync('ed25519');
  const publicKey = createPublicKey(privateKey);
  const seed = privateKey.export({ format: 'jwk' }).d ?? '';
  const open = publicKey.export({ format: 'jwk' }).x ?? '';
  return { seed, open, der: Buffer.from(open, 'base64url') };
}

describe('a ring of keys', () => {
  it('signs with the first key and verifies with each', async () => {
    const old = ringOf(KEY, 'dc1');
    const middle = ringOf(`${OTHER_KEY},${KEY}`, 'dc2');
    expect(await middle.verify(REQUEST_TYPE, await old.sign(REQUEST_TYPE, CLAIMS))).to.deep.equal({
      payload: CLAIMS,
      dataCenter: null,
    });
    expect(await old.verify(REQUEST_TYPE, await middle.sign(REQUEST_TYPE, CLAIMS))).to.equal(null);
  });

  it('says whose pair of keys signed', async () => {
    const { seed, open } = pair();
    const token = await ringOf(`ed25519:dc1:private:${seed}`, 'dc1').sign(REQUEST_TYPE, CLAIMS);
    expect(decodeProtectedHeader(token).alg).to.equal('EdDSA');
    const verified = await ringOf(`${KEY},ed25519:dc1:public:${open}`, 'dc2').verify(REQUEST_TYPE, token);
    expect(verified).to.deep.equal({ payload: CLAIMS, dataCenter: 'dc1' });
  });

  it('believes neither a token of the other type, nor one without a signature, nor one of another algorithm', async () => {
    const { seed, open, der } = pair();
    const ring = ringOf(`${KEY},ed25519:dc1:private:${seed}`, 'dc1');
    const good = await ring.sign(REQUEST_TYPE, CLAIMS);
    const { kid = '' } = decodeProtectedHeader(good);
    expect(await ring.verify('crossdc-answer+jwt', good)).to.equal(null);
    expect(await ring.verify(REQUEST_TYPE, new UnsecuredJWT(CLAIMS).encode())).to.equal(null);
    const payload = new TextEncoder().encode(JSON.stringify(CLAIMS));
    // The public key, which is no secret, as the key of an HMAC; and a longer HMAC of the right key.
    const publics = ringOf(`ed25519:dc1:private:${seed}`, 'dc1');
    const { kid: publicKid = '' } = decodeProtectedHeader(await publics.sign(REQUEST_TYPE, CLAIMS));
    for (const key of [der, Buffer.from(open)]) {
      const forged = await new CompactSign(payload)
        .setProtectedHeader({ alg: 'HS256', typ: REQUEST_TYPE, kid: publicKid })
        .sign(Buffer.concat([key, Buffer.alloc(32)]).subarray(0, Math.max(32, key.length)));
      expect(await ring.verify(REQUEST_TYPE, forged)).to.equal(null);
    }
    const longer = await new CompactSign(payload)
      .setProtectedHeader({ alg: 'HS512', typ: REQUEST_TYPE, kid })
      .sign(Buffer.from(KEY.padEnd(64, KEY)));
    expect(await ring.verify(REQUEST_TYPE, longer)).to.equal(null);
  });

  it('takes nothing that is long, cut, or no token for one', async () => {
    const ring = ringOf(KEY, 'dc1');
    const good = await ring.sign(REQUEST_TYPE, CLAIMS);
    for (const token of ['', '.', '..', 'a.b.c', good.slice(1), good.slice(0, -2), `${good}.`, 'A'.repeat(100_000)])
      expect(await ring.verify(REQUEST_TYPE, token), token.slice(0, 20)).to.equal(null);
    const long = await ring.sign(REQUEST_TYPE, { iss: 'x'.repeat(3000) });
    expect(await ring.verify(REQUEST_TYPE, long)).to.equal(null);
  });

  it('needs a key of our own to sign with', () => {
    const { seed, open } = pair();
    expect(() => ringOf(`ed25519:dc2:private:${seed}`, 'dc1')).to.throw('key 1 is the private key of "dc2"');
    expect(() => ringOf(`ed25519:dc2:public:${open}`, 'dc1')).to.throw('can sign');
  });
});
