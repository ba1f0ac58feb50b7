import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
  type KeyObject,
} from 'node:crypto';
import type { PeerKey } from '../../core/peer-keys.ts';

const KEY_BYTES = 32;
const KEY_ID_BYTES = 4;
/** An Ed25519 private key in DER is this, then its 32 bytes (RFC 8410 §7). */
const PRIVATE_DER = Buffer.from('302e020100300506032b657004220420', 'hex');

/** A key that every data centre has. */
export function newSharedKey(): string {
  return randomBytes(KEY_BYTES).toString('base64url');
}

/** `KEYID:KEY`: the id goes in the head of every snapshot that the key encrypted. */
export function newEncryptionKey(): string {
  return `${randomBytes(KEY_ID_BYTES).toString('hex')}:${randomBytes(KEY_BYTES).toString('base64url')}`;
}

/** The private half of a pair for one data centre, as `peerSharedKey` has it. */
export function newPrivateKey(dataCenter: string): string {
  const { d } = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
  return `ed25519:${dataCenter}:private:${d ?? ''}`;
}

/** The public half, for the files of all the others. */
export function publicHalf(dataCenter: string, seed: string): string {
  return `ed25519:${dataCenter}:public:${publicText(seed)}`;
}

function publicText(seed: string): string {
  const der = Buffer.concat([PRIVATE_DER, Buffer.from(seed, 'base64url')]);
  const key: KeyObject = createPublicKey(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }));
  return key.export({ format: 'jwk' }).x ?? '';
}

/** Names a key without telling anything of it: the `kid` of the tokens that it signs. Both halves of a pair have one id. */
export function keyId(key: PeerKey): string {
  const text =
    key.kind === 'shared' ? key.secret.reveal() : key.kind === 'private' ? publicText(key.seed.reveal()) : key.key;
  return createHash('sha256').update(`crossdc key id\n${text}`).digest('hex').slice(0, 16);
}
