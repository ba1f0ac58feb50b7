import { Secret } from '../secret.ts';

/**
 * A key of `peerSharedKey`. A shared one speaks for every data centre that has it (HS256, RFC 7518 §3.2); of a pair
 * (Ed25519, RFC 8037) the private half speaks for one data centre alone and the public half only tells that it did.
 */
export type PeerKey =
  | { readonly kind: 'shared'; readonly secret: Secret }
  | { readonly kind: 'private'; readonly dataCenter: string; readonly seed: Secret }
  | { readonly kind: 'public'; readonly dataCenter: string; readonly key: string };

/** HS256 wants a key as long as its digest (RFC 7518 §3.2). */
export const SHARED_KEY_MIN_CHARACTERS = 32;
const SHARED_KEY_MAX_CHARACTERS = 512;
/** More would only slow down the refusal of a forged request. */
const KEYS_MAX = 64;
/** A text of so few different characters was typed on one key, not generated. */
const DIFFERENT_CHARACTERS_MIN = 8;

const PAIR = /^ed25519:([A-Za-z0-9][A-Za-z0-9._-]{0,63}):(private|public):([A-Za-z0-9_-]{43})$/;

/**
 * Takes the text of `peerSharedKey` apart: keys separated by commas, blanks or lines; a line that begins with # says
 * something to people. The first key that can sign signs, all of them verify.
 *
 * @returns the keys, or an Error whose message says which one is wrong and repeats none of it
 */
export function parsePeerKeys(text: string): readonly PeerKey[] | Error {
  const items = text
    .split(/\r?\n/)
    .filter((line) => !line.trimStart().startsWith('#'))
    .flatMap((line) => line.split(/[\s,]+/))
    .filter((item) => item !== '');
  if (items.length === 0) return new Error('must have at least one key');
  if (items.length > KEYS_MAX) return new Error(`must have at most ${KEYS_MAX} keys`);
  const keys: PeerKey[] = [];
  for (const [index, item] of items.entries()) {
    const key = parseKey(item);
    if (typeof key === 'string') return new Error(`key ${index + 1} ${key}`);
    keys.push(key);
  }
  if (!keys.some(({ kind }) => kind !== 'public'))
    return new Error('must have a key that can sign, not public keys alone');
  return keys;
}

/** The key, or what is wrong with it. */
function parseKey(item: string): PeerKey | string {
  if (item.startsWith('ed25519:')) {
    const [, dataCenter, half, value] = PAIR.exec(item) ?? [];
    if (dataCenter === undefined || value === undefined)
      return 'must be of the form ed25519:DC:private:KEY or ed25519:DC:public:KEY, as crossdc keys generate writes it';
    return half === 'private'
      ? { kind: 'private', dataCenter, seed: new Secret(value) }
      : { kind: 'public', dataCenter, key: value };
  }
  if (!/^[\x21-\x7e]+$/.test(item)) return 'must be of visible ASCII characters';
  if (item.length < SHARED_KEY_MIN_CHARACTERS)
    return `must have at least ${SHARED_KEY_MIN_CHARACTERS} characters; crossdc keys generate makes one`;
  if (item.length > SHARED_KEY_MAX_CHARACTERS) return `must have at most ${SHARED_KEY_MAX_CHARACTERS} characters`;
  if (new Set(item).size < DIFFERENT_CHARACTERS_MIN) return 'must be random; crossdc keys generate makes one';
  return { kind: 'shared', secret: new Secret(item) };
}
