import { createSecretKey, type KeyObject } from 'node:crypto';
import type { EncryptionKey } from '../../core/encryption-keys.ts';
import type { StoredSnapshot } from '../../core/snapshot.ts';
import { GatewayError } from '../../errors.ts';

/** A key with which contents are encrypted; it cannot be printed. */
export interface MasterKey {
  readonly id: string;
  readonly key: KeyObject;
}

/** Ids named in one message; a key file has seldom more. */
const NAMED_MOST = 10;

/** The keys of the file `snapshotEncryptionKeyFile`: the first encrypts, all decrypt. Without any, nothing is encrypted. */
export class Keyring {
  readonly #keys = new Map<string, MasterKey>();
  /** What new contents are encrypted with; null: they are stored as they come. */
  readonly current: MasterKey | null;

  constructor(keys: readonly EncryptionKey[]) {
    for (const { id, key } of keys)
      this.#keys.set(id, { id, key: createSecretKey(Buffer.from(key.reveal(), 'base64url')) });
    this.current = this.#keys.values().next().value ?? null;
  }

  find(id: string): MasterKey | undefined {
    return this.#keys.get(id);
  }

  /** How many versions need a key that is not listed, by its id. What is lost already cannot be read with any key. */
  #missingOf(rows: readonly StoredSnapshot[]): ReadonlyMap<string, number> {
    const missing = new Map<string, number>();
    for (const { encryption, place } of rows) {
      if (encryption === undefined || place === 'lost' || this.#keys.has(encryption.keyId)) continue;
      missing.set(encryption.keyId, (missing.get(encryption.keyId) ?? 0) + 1);
    }
    return missing;
  }

  /** @throws GatewayError `encryption-key-missing` when a version of the store cannot be read for want of its key */
  assertReads(rows: readonly StoredSnapshot[], store: string): void {
    const missing = this.#missingOf(rows);
    if (missing.size === 0) return;
    const named = [...missing].slice(0, NAMED_MOST).map(([id, count]) => `${id} (of ${count})`);
    const rest = missing.size > NAMED_MOST ? ` and ${missing.size - NAMED_MOST} more` : '';
    throw new GatewayError(
      'encryption-key-missing',
      `The store "${store}" has versions that are encrypted with keys that snapshotEncryptionKeyFile does not list: ` +
        `${named.join(', ')}${rest}. They are kept; list the keys again and restart.`,
      { facts: { store, missing: Object.fromEntries(missing) } },
    );
  }
}

/** Nothing is encrypted, and nothing that is can be read. */
export const NO_KEYS: Keyring = new Keyring([]);

/**
 * The version is whole as far as anybody can tell, and stays where it is: an error of the operator's and no damage.
 */
export function keyMissing(row: StoredSnapshot, keyId: string, isOther: boolean): GatewayError {
  const { key, version } = row;
  const why = isOther
    ? `is encrypted with another key than the one that snapshotEncryptionKeyFile lists as ${keyId}`
    : `is encrypted with the key ${keyId}, which snapshotEncryptionKeyFile does not list`;
  return new GatewayError(
    'encryption-key-missing',
    `Version ${version} of "${key.origin}" ${why}. It is kept; list that key and restart.`,
    { facts: { ...key, version, keyId } },
  );
}
