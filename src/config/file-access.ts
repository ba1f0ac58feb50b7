import { statSync } from 'node:fs';
import { optionOf, OPTION_KEYS, parseKey } from './options.ts';
import { quoted, RANK, remark, type Given, type Place, type Remark } from './problem.ts';
import type { Settings } from './settings.ts';

/** Who may do what with a file, as far as its mode and its owner say. */
export interface FileAccess {
  /** The permission bits, such as 0o640. */
  readonly mode: number;
  /** `other`: neither the user of this process nor root. */
  readonly owner: 'us' | 'root' | 'other';
}

/** Gives who may use the file at a path, links followed; null where that is not known: no such file, no file, no modes. */
export type AccessOf = (path: string) => FileAccess | null;

/** Asks the disk. A pipe (`<(…)`) is its process's own; Windows has no such modes. */
export function fileAccess(path: string): FileAccess | null {
  if (process.platform === 'win32') return null;
  try {
    const found = statSync(path);
    if (!found.isFile()) return null;
    const owner = found.uid === process.getuid?.() ? 'us' : found.uid === 0 ? 'root' : 'other';
    return { mode: found.mode & 0o7777, owner };
  } catch {
    // Whoever reads the file says why it cannot be read.
    return null;
  }
}

const OTHERS = 0o007;
const GROUP = 0o070;
/** systemd lets the service's user in by an access list, which the mode shows as rights of the group. */
const CREDENTIALS = '/run/credentials/';

/**
 * Who besides us may read the secrets. A secret's own file that is open to everybody is refused: nothing but the secret
 * is in it, so there is no reason why anybody should read it. A configuration has other readers, and gets a warning.
 */
export function accessRemarks(
  settings: Settings,
  given: readonly Given[],
  accessOf: AccessOf,
): { readonly problems: readonly Remark[]; readonly warnings: readonly Remark[] } {
  const found = secretFilesOf(settings).map((item) => aboutSecretFile(item, accessOf(item.value)));
  return {
    problems: found.flatMap(({ problem }) => problem ?? []),
    warnings: [...found.flatMap(({ warnings }) => warnings), ...configurationWarnings(settings, given, accessOf)],
  };
}

/** The keys that name a file with a secret in it: each `KFile`, and those of files that are read later on. */
export function secretFilesOf(settings: Settings): Given[] {
  return OPTION_KEYS.flatMap((key) => {
    const { given } = settings.setting(key);
    const { isSecret, namesSecretFile } = optionOf(key);
    const isFile = isSecret === true ? given?.key === `${key}File` : namesSecretFile === true;
    return isFile && given !== null ? [given] : [];
  });
}

function aboutSecretFile(
  given: Given,
  access: FileAccess | null,
): { readonly problem?: Remark; readonly warnings: readonly Remark[] } {
  if (access === null) return { warnings: [] };
  const path = quoted(given.value);
  const mode = `mode ${octal(access.mode)}`;
  if ((access.mode & OTHERS) !== 0) {
    const message = `${path} holds a secret and is open to every user of this machine (${mode}); ${closeIt(given.value)}, or where it is mounted defaultMode: 0400 (Kubernetes), mode: 0400 (Docker)`;
    return { problem: remark(given, message), warnings: [] };
  }
  const warnings: Remark[] = [];
  if ((access.mode & GROUP) !== 0 && !given.value.startsWith(CREDENTIALS))
    warnings.push(remark(given, `${path} holds a secret and is open to its group (${mode}); ${closeIt(given.value)}`));
  if (access.owner === 'other')
    warnings.push(remark(given, `${path} holds a secret and belongs to another user, who may read and replace it`));
  return { warnings };
}

/** One for each file of the configuration that has secrets in it and more readers than us. */
function configurationWarnings(settings: Settings, given: readonly Given[], accessOf: AccessOf): Remark[] {
  const byPlace = new Map<string, { readonly place: Place; readonly secrets: Given[] }>();
  for (const item of given.filter((one) => holdsSecret(one, settings))) {
    const { place } = item;
    const found = byPlace.get(`${place.rank} ${place.name}`) ?? { place, secrets: [] };
    found.secrets.push(item);
    byPlace.set(`${place.rank} ${place.name}`, found);
  }
  return [...byPlace.values()].flatMap(({ place, secrets }) => {
    const [first, ...others] = secrets;
    if (first === undefined) return [];
    const instead = `give ${insteadOf(first)}=PATH instead`;
    if (place.rank === RANK.set)
      return [remark(first, `stands on the command line, which every user of this machine can read; ${instead}`)];
    if (place.rank === RANK.environment) return [];
    const access = accessOf(place.name);
    if (access === null || (access.mode & (OTHERS | GROUP)) === 0) return [];
    const what =
      others.length === 0 ? 'this secret' : `this secret and ${others.map(({ written }) => written).join(', ')}`;
    const whom = (access.mode & OTHERS) === 0 ? 'its group' : 'every user of this machine';
    const message = `${quoted(place.name)} holds ${what} and is open to ${whom} (mode ${octal(access.mode)}); ${closeIt(place.name)}, or ${instead}`;
    return [remark(first, message)];
  });
}

/** A secret itself, or a URL with a password in it. What a stronger source replaces is as readable as the rest. */
function holdsSecret(given: Given, settings: Settings): boolean {
  const reference = parseKey(given.key);
  if (reference === null || reference.isFile || given.value === '') return false;
  const { isSecret, kind } = optionOf(reference.option);
  if (isSecret === true) return true;
  const effective = settings.setting(reference.option);
  return kind.shown !== undefined && effective.given === given && effective.text !== given.value;
}

function insteadOf({ key }: Given): string {
  return parseKey(key)?.option === 'dataSnapshotJdbcUrl' ? 'dataSnapshotJdbcPasswordFile' : `${key}File`;
}

function closeIt(path: string): string {
  // What a shell would take apart goes between quotes.
  return `chmod 600 ${/^[A-Za-z0-9_./+:@%,-]+$/.test(path) ? path : quoted(path)}`;
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}
