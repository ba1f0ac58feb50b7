import { createHash, createPrivateKey, createPublicKey, createSecretKey, type KeyObject } from 'node:crypto';
import { CompactSign, compactVerify, decodeProtectedHeader } from 'jose';
import type { PeerKey } from '../../core/peer-keys.ts';
import { TOKEN_MAX_CHARACTERS } from '../../wire/tokens.ts';

interface SigningKey {
  readonly kid: string;
  readonly alg: 'HS256' | 'EdDSA';
  readonly key: KeyObject;
}

interface VerifyingKey extends SigningKey {
  /** The one data centre for which it speaks; null: for each that has it. */
  readonly dataCenter: string | null;
}

/** What a valid signature stands under. */
export interface Verified {
  readonly payload: unknown;
  /** The data centre whose key signed; null when it was a shared one. */
  readonly dataCenter: string | null;
}

/** The fixed beginnings of an Ed25519 key in DER (RFC 8410). */
const PRIVATE_DER = Buffer.from('302e020100300506032b657004220420', 'hex');
const PUBLIC_DER = Buffer.from('302a300506032b6570032100', 'hex');

const strictUtf8 = new TextDecoder('utf-8', { fatal: true });

/** The keys of `peerSharedKey`, ready to sign and to verify. */
export class KeyRing {
  readonly #signing: SigningKey;
  readonly #verifying = new Map<string, VerifyingKey>();

  /**
   * @param dataCenter our own name: a private key of another data centre does not sign here
   * @throws Error that says which key is wrong and repeats none of it
   */
  constructor(keys: readonly PeerKey[], dataCenter: string) {
    let signing: SigningKey | undefined;
    for (const [index, key] of keys.entries()) {
      if (key.kind === 'private' && key.dataCenter !== dataCenter) {
        throw new Error(
          `key ${index + 1} is the private key of "${key.dataCenter}", and this data centre is "${dataCenter}"`,
        );
      }
      const made = verifyingKey(key);
      this.#verifying.set(made.kid, made);
      if (key.kind !== 'public') signing ??= key.kind === 'shared' ? made : { ...made, key: privateKey(key.seed) };
    }
    if (signing === undefined) throw new Error('there is no key that can sign');
    this.#signing = signing;
  }

  /** @returns the token in compact form */
  async sign(type: string, claims: object): Promise<string> {
    const { kid, alg, key } = this.#signing;
    return new CompactSign(new TextEncoder().encode(JSON.stringify(claims)))
      .setProtectedHeader({ alg, typ: type, kid })
      .sign(key);
  }

  /** @returns null for whatever is no token of this type, signed with one of the keys in the key's own algorithm */
  async verify(type: string, token: string): Promise<Verified | null> {
    if (token.length > TOKEN_MAX_CHARACTERS) return null;
    try {
      const header = decodeProtectedHeader(token);
      const found = typeof header.kid === 'string' ? this.#verifying.get(header.kid) : undefined;
      if (found === undefined || header.typ !== type) return null;
      const { payload } = await compactVerify(token, found.key, { algorithms: [found.alg] });
      return { payload: JSON.parse(strictUtf8.decode(payload)) as unknown, dataCenter: found.dataCenter };
    } catch {
      return null;
    }
  }
}

/** Names a key without telling anything of it; `crossdc keys inspect` shows the same. */
function keyId(text: string): string {
  return createHash('sha256').update(`crossdc key id\n${text}`).digest('hex').slice(0, 16);
}

function verifyingKey(key: PeerKey): VerifyingKey {
  if (key.kind === 'shared') {
    const text = key.secret.reveal();
    return { kid: keyId(text), alg: 'HS256', key: createSecretKey(Buffer.from(text, 'utf8')), dataCenter: null };
  }
  const made = key.kind === 'public' ? publicKey(key.key) : createPublicKey(privateKey(key.seed));
  const text = made.export({ format: 'der', type: 'spki' }).subarray(PUBLIC_DER.length).toString('base64url');
  return { kid: keyId(text), alg: 'EdDSA', key: made, dataCenter: key.dataCenter };
}

function privateKey(seed: { reveal(): string }): KeyObject {
  const der = Buffer.concat([PRIVATE_DER, Buffer.from(seed.reveal(), 'base64url')]);
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
}

function publicKey(text: string): KeyObject {
  const der = Buffer.concat([PUBLIC_DER, Buffer.from(text, 'base64url')]);
  return createPublicKey({ key: der, format: 'der', type: 'spki' });
}
