import { resolve } from 'node:path';
import { parsePeerKeys } from '../../core/peer-keys.ts';
import { keyFileText } from './key-file.ts';
import { keyId, newEncryptionKey, newSharedKey } from './make-keys.ts';

/** The day, for the comment beside a key. */
function dayOf(wallMs: number): string {
  return new Date(wallMs).toISOString().slice(0, 10);
}

/** What the file says of a key: its id, by which logs and `crossdc keys inspect` call it, and its day. */
export function keyComment(item: string, wallMs: number): string {
  return `# key ${idOf(item)}, made ${dayOf(wallMs)}`;
}

/** The id of one key of any kind; nothing of the key can be told from it. */
export function idOf(item: string): string {
  const encryption = ENCRYPTION_KEY.exec(item)?.[1];
  if (encryption !== undefined) return encryption;
  // A public key alone cannot sign, and would be refused as the whole of a file.
  const keys = parsePeerKeys(`${item}\n${'0123456789abcdef'.repeat(2)}`);
  const [key] = keys instanceof Error ? [] : keys;
  return key === undefined ? 'unknown' : keyId(key);
}

/** A key of `snapshotEncryptionKeyFile`: its id, then 32 bytes in base64url. */
const ENCRYPTION_KEY = /^([0-9a-f]{8}):[A-Za-z0-9_-]{43}$/;

const ROTATION =
  '# Another key takes its place without a gap by crossdc keys rotate FILE --step add, then use, then drop.';

function sharedKeyHeader(wallMs: number): readonly string[] {
  return [
    `# The key with which the gateways of every data centre sign, made ${dayOf(wallMs)}. Copy this file to each of them,`,
    '# readable by the user of the gateway alone (mode 0600), and add two lines to each configuration:',
    '#   peerAuth=key',
    '#   peerSharedKeyFile=PATH of this file',
    ROTATION,
  ];
}

/** A file with a new shared key, and the key's id. */
export function newSharedKeyFile(wallMs: number): { readonly text: string; readonly id: string } {
  return newFile(newSharedKey(), sharedKeyHeader(wallMs), wallMs);
}

/** A file with a new key for stored snapshots, and the key's id. */
export function newEncryptionKeyFile(wallMs: number): { readonly text: string; readonly id: string } {
  return newFile(newEncryptionKey(), encryptionHeader(wallMs), wallMs);
}

function newFile(item: string, header: readonly string[], wallMs: number): { text: string; id: string } {
  const keys = [{ item, comments: [keyComment(item, wallMs)], mark: null }];
  return { text: keyFileText({ header, keys, footer: [] }), id: idOf(item) };
}

export function pairHeader(dataCenter: string, wallMs: number): readonly string[] {
  return [
    `# The keys of the gateway of ${dataCenter}, made ${dayOf(wallMs)}: its own private key, and the public keys of the others.`,
    `# Copy this file to ${dataCenter} and to nobody else, readable by the user of the gateway alone (mode 0600), and add two`,
    '# lines to its configuration:',
    '#   peerAuth=key',
    '#   peerSharedKeyFile=PATH of this file',
    '# Other keys take their place by crossdc keys rotate, with the files of all data centres, --step add, then use, then drop.',
  ];
}

function encryptionHeader(wallMs: number): readonly string[] {
  return [
    `# Keys that encrypt stored snapshots, made ${dayOf(wallMs)}: the first encrypts, all decrypt. Who loses them loses the`,
    '# snapshots: keep a copy elsewhere. Readable by the user of the gateway alone (mode 0600); one line in the configuration:',
    '#   snapshotEncryptionKeyFile=PATH of this file',
    '# Another key encrypts from then on after crossdc keys rotate FILE --step add, then use. The old ones stay.',
  ];
}

export function peerKeyLines(path: string): readonly string[] {
  return ['peerAuth=key', `peerSharedKeyFile=${resolve(path)}`];
}
