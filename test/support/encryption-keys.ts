import { createHash } from 'node:crypto';
import { Keyring } from '../../src/adapters/storage/keyring.ts';
import type { EncryptionKey } from '../../src/core/encryption-keys.ts';
import { Secret } from '../../src/secret.ts';

/** A key that is the same in every run. @param id 8 hexadecimal digits */
export function encryptionKey(id: string, seed = id): EncryptionKey {
  return { id, key: new Secret(createHash('sha256').update(`a test's key ${seed}`).digest('base64url')) };
}

/** The first encrypts. */
export function keyringOf(...ids: readonly string[]): Keyring {
  return new Keyring(ids.map((id) => encryptionKey(id)));
}
