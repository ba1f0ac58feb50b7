import { parseEncryptionKeys } from '../../core/encryption-keys.ts';
import { parsePeerKeys } from '../../core/peer-keys.ts';
import { CliError, EXIT, usageError } from '../exit-status.ts';
import { printable } from '../display-width.ts';
import { addKey, dropKeys, hasNext, useKey, type KeyEntry, type KeyFile, type Step } from './key-file.ts';
import { newEncryptionKey, newPrivateKey, newSharedKey, publicHalf } from './make-keys.ts';
import { idOf, keyComment } from './texts.ts';

/** A file that takes part in a rotation. */
export interface Member {
  readonly path: string;
  readonly file: KeyFile;
}

const PAIR = /^ed25519:([^:]+):(private|public):(.*)$/;

/**
 * One step of a rotation for files that belong together: one of shared keys or of encryption keys, or those of all data
 * centres that have pairs. Every step can be repeated: what is done already stays as it is, and what an interrupted step
 * left undone is done.
 *
 * @returns the files as they will be, in the same order
 * @throws CliError when the step does not come now; then nothing is to be changed
 */
export function rotated(members: readonly Member[], step: Step, wallMs: number): readonly KeyFile[] {
  const [first] = members;
  if (first === undefined) return [];
  for (const { path, file } of members) refuseUnreadable(path, file);
  const isPairs = members.some(({ file }) => file.keys.some(({ item }) => item.startsWith('ed25519:')));
  if (isPairs) return rotatedPairs(members, step, wallMs);
  if (members.length > 1)
    throw usageError(
      'keys rotate takes one FILE of shared keys or of encryption keys; copy it to the others afterwards',
    );
  const isEncryption = isEncryptionFile(first.file);
  if (isEncryption && step === 'drop') {
    const why = 'what was stored with the old keys could not be read any more';
    throw new CliError(EXIT.failed, `${first.path}: the old keys stay: ${why}. An old key costs nothing`);
  }
  const make = isEncryption ? () => otherEncryptionKey(first.file) : newSharedKey;
  return [{ ...first.file, keys: ring(first.file.keys, { step, path: first.path, make, wallMs }) }];
}

/** Also when one of its keys is damaged: it must not pass for a file of shared keys then. */
export function isEncryptionFile({ keys }: KeyFile): boolean {
  return keys.some(({ item }) => /^[0-9a-f]{8}:/.test(item));
}

/** A new key, with an id that none of the file has. */
function otherEncryptionKey({ keys }: KeyFile): string {
  for (;;) {
    const item = newEncryptionKey();
    if (!keys.some((key) => idOf(key.item) === idOf(item))) return item;
  }
}

function refuseUnreadable(path: string, file: KeyFile): void {
  // Each key gets a line of its own, where this one would be a comment.
  if (file.keys.some(({ item }) => item.startsWith('#')))
    throw new CliError(EXIT.failed, `${path} has a key that begins with #; make another with crossdc keys generate`);
  const parse = isEncryptionFile(file) ? parseEncryptionKeys : parsePeerKeys;
  const keys = parse(file.keys.map(({ item }) => item).join('\n'));
  if (keys instanceof Error) throw new CliError(EXIT.failed, `${path} is no file of keys: ${keys.message}`);
}

interface RingStep {
  readonly step: Step;
  readonly path: string;
  readonly make: () => string;
  readonly wallMs: number;
}

/** The keys that one signs or encrypts with, after the step. */
function ring(keys: readonly KeyEntry[], { step, path, make, wallMs }: RingStep): readonly KeyEntry[] {
  if (step === 'add') {
    if (hasNext(keys)) return keys;
    const item = make();
    return addKey(keys, item, [keyComment(item, wallMs)]);
  }
  if (step === 'use') {
    const isUsed = keys.some(({ mark }) => mark === 'old');
    if (!hasNext(keys) && !isUsed)
      throw new CliError(EXIT.failed, `${path}: no key was added that could be used; first comes --step add`);
    return useKey(keys);
  }
  if (hasNext(keys))
    throw new CliError(EXIT.failed, `${path}: the key that was added does not sign yet; first comes --step use`);
  return dropKeys(keys);
}

/** A file of pairs, by whose keys they are: its own private ones, and the public ones of each other data centre. */
interface PairFile extends Member {
  readonly own: string;
  readonly privateKeys: readonly KeyEntry[];
  readonly publicKeys: ReadonlyMap<string, readonly KeyEntry[]>;
}

function rotatedPairs(members: readonly Member[], step: Step, wallMs: number): readonly KeyFile[] {
  const files = members.map(pairFileOf);
  refuseIncomplete(files);
  if (step !== 'add') refuseUneven(files);
  const rings = new Map(
    files.map(({ own, path, privateKeys }) => {
      const make = (): string => newPrivateKey(own);
      return [own, ring(privateKeys, { step, path, make, wallMs })] as const;
    }),
  );
  return files.map(({ own, file, publicKeys }) => {
    const others = files.filter((other) => other.own !== own || publicKeys.has(own));
    const theirs = others.flatMap((other) => {
      const source = rings.get(other.own) ?? [];
      return publicRing(publicKeys.get(other.own) ?? [], { source, step, dataCenter: other.own });
    });
    return { ...file, keys: [...(rings.get(own) ?? []), ...theirs] };
  });
}

/** The public keys that another file has of a data centre, after the step that its private ones took. */
function publicRing(
  keys: readonly KeyEntry[],
  { source, step, dataCenter }: { source: readonly KeyEntry[]; step: Step; dataCenter: string },
): readonly KeyEntry[] {
  if (step === 'use') return useKey(keys);
  const wanted = source.map((entry) => ({ ...entry, item: publicOf(entry.item, dataCenter) }));
  if (step === 'drop')
    return wanted.map((entry) => ({ ...(keys.find(({ item }) => item === entry.item) ?? entry), mark: null }));
  const missing = wanted.filter(({ item, mark }) => mark === 'next' && !keys.some((key) => key.item === item));
  return [...keys, ...missing];
}

function publicOf(item: string, dataCenter: string): string {
  return publicHalf(dataCenter, PAIR.exec(item)?.[3] ?? '');
}

function pairFileOf({ path, file }: Member): PairFile {
  const publicKeys = new Map<string, readonly KeyEntry[]>();
  const privateKeys: KeyEntry[] = [];
  const owners = new Set<string>();
  for (const entry of file.keys) {
    const [, dataCenter, half] = PAIR.exec(entry.item) ?? [];
    if (dataCenter === undefined)
      throw new CliError(
        EXIT.failed,
        `${path} has a shared key beside pairs; move it to a file of its own, or remove it`,
      );
    if (half === 'public') publicKeys.set(dataCenter, [...(publicKeys.get(dataCenter) ?? []), entry]);
    else {
      owners.add(dataCenter);
      privateKeys.push(entry);
    }
  }
  const [own = '', other] = owners;
  if (other !== undefined)
    throw new CliError(
      EXIT.failed,
      `${path} has private keys of ${own} and of ${other}; a file is for one data centre`,
    );
  return { path, file, own, privateKeys, publicKeys };
}

/** The new key of one must get into the files of all the others. */
function refuseIncomplete(files: readonly PairFile[]): void {
  const owners = files.map(({ own }) => own);
  const twice = files.find(({ own }, index) => owners.indexOf(own) !== index);
  if (twice !== undefined) throw usageError(`keys rotate: ${twice.path} is a second file of ${printable(twice.own)}`);
  for (const { path, publicKeys } of files) {
    const missing = [...publicKeys.keys()].find((name) => !owners.includes(name));
    if (missing === undefined) continue;
    throw usageError(
      `${path} has keys of ${printable(missing)}, whose file is not given: the files of all data centres change together`,
    );
  }
}

/** A key that signs, or is about to, must be known everywhere before anything else happens. */
function refuseUneven(files: readonly PairFile[]): void {
  for (const { own, path, privateKeys } of files) {
    const needed = privateKeys.filter(({ mark }, index) => index === 0 || mark === 'next');
    for (const other of files.filter((each) => each.own !== own)) {
      const known = other.publicKeys.get(own) ?? [];
      if (needed.every(({ item }) => known.some((key) => key.item === publicOf(item, own)))) continue;
      throw new CliError(EXIT.failed, `${other.path} lacks a key of ${path}; --step add puts it there`);
    }
  }
}
