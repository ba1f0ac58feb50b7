import { parseEncryptionKeys, type EncryptionKey } from '../core/encryption-keys.ts';
import { quoted, type Place, type Remark } from './problem.ts';
import { tryRead, type ReadFile } from './read-file.ts';
import type { Settings } from './settings.ts';

const KEY = 'snapshotEncryptionKeyFile';

/** The keys that encrypt what is stored, the first of them what is stored from now on; none when nothing is encrypted. */
export function configureEncryption(
  settings: Settings,
  readFile: ReadFile,
  fallback: Place,
): { readonly encryptionKeys: readonly EncryptionKey[]; readonly problems: readonly Remark[] } {
  const path = settings.get(KEY);
  if (path === undefined) return { encryptionKeys: [], problems: [] };
  const wrong = (message: string): ReturnType<typeof configureEncryption> => ({
    encryptionKeys: [],
    problems: [settings.remark(KEY, fallback, `${quoted(path)} ${message}`)],
  });
  const outcome = tryRead(readFile, path);
  if ('reason' in outcome)
    return wrong(`cannot be read: ${outcome.reason}; crossdc keys generate --encryption makes such a file`);
  const keys = parseEncryptionKeys(outcome.text);
  return keys instanceof Error ? wrong(keys.message) : { encryptionKeys: keys, problems: [] };
}
