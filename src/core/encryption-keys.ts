import { Secret } from '../secret.ts';

/** A key of the file `snapshotEncryptionKeyFile`. */
export interface EncryptionKey {
  /** Names the key in what it has encrypted and in messages: 8 lower-case hexadecimal digits, nothing of the key itself. */
  readonly id: string;
  /** 32 bytes as base64url without padding: 43 characters. */
  readonly key: Secret;
}

/** More are a mistake: each rotation adds one, and one that no snapshot needs any more can be removed. */
export const ENCRYPTION_KEYS_MAX = 64;
/** Of 43 random characters about 31 are different, and never fewer than this. */
const DIFFERENT_CHARACTERS_MIN = 16;

const ID = /^[0-9a-f]{8}$/;
/** The last character stands for four bits and two zeros: any other would be a second way to write the same key. */
const KEY = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/;
const FORM =
  'KEYID:KEY, 8 lower-case hexadecimal digits and 43 characters, as crossdc keys generate --encryption writes it';

/**
 * Takes the text of `snapshotEncryptionKeyFile` apart: one `KEYID:KEY` a line, a line that begins with # says something to
 * people. The first key encrypts, all of them decrypt.
 *
 * @returns the keys, or an Error whose message says which line is wrong and repeats nothing of it but the id
 */
export function parseEncryptionKeys(text: string): readonly EncryptionKey[] | Error {
  const keys: EncryptionKey[] = [];
  for (const [index, written] of text.split('\n').entries()) {
    const line = written.trim();
    if (line === '' || line.startsWith('#')) continue;
    const key = parseLine(line);
    const problem = typeof key === 'string' ? key : conflict(keys, key);
    if (problem !== null) return new Error(`line ${index + 1} ${problem}`);
    if (typeof key !== 'string') keys.push(key);
  }
  if (keys.length === 0) return new Error(`must have at least one key: a line ${FORM}`);
  if (keys.length > ENCRYPTION_KEYS_MAX) return new Error(`must have at most ${ENCRYPTION_KEYS_MAX} keys`);
  return keys;
}

/** The key, or what is wrong with it. */
function parseLine(line: string): EncryptionKey | string {
  const colon = line.indexOf(':');
  const id = line.slice(0, Math.max(0, colon));
  // What stands in the place of an id may be the key itself, in the wrong order.
  if (!ID.test(id)) return `must be of the form ${FORM}`;
  const key = line.slice(colon + 1);
  if (!KEY.test(key))
    return `(${id}) must have a key of 32 bytes as 43 characters of base64url; crossdc keys generate --encryption makes one`;
  if (new Set(key).size < DIFFERENT_CHARACTERS_MIN)
    return `(${id}) must have a random key; crossdc keys generate --encryption makes one`;
  return { id, key: new Secret(key) };
}

function conflict(keys: readonly EncryptionKey[], { id, key }: EncryptionKey): string | null {
  if (keys.some((other) => other.id === id)) return `(${id}) has the id of a key above; give each key an id of its own`;
  const same = keys.find((other) => other.key.reveal() === key.reveal());
  return same === undefined ? null : `(${id}) has the same key as ${same.id}; each key stands there once`;
}
