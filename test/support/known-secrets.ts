import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { optionOf, parseKey } from '../../src/config/options.ts';
import { readEnvironment } from '../../src/config/environment.ts';
import { parsePeerKeys } from '../../src/core/peer-keys.ts';

export interface KnownSecret {
  /** What it is, for people: the key of the configuration. Never the secret itself. */
  readonly kind: string;
  readonly value: string;
}

/** Key material in a file of words: what is shorter is a name or a number of the key. */
const WORD_MIN_CHARACTERS = 24;

/** The secrets of a configuration file, and of the files that it names. */
export function secretsOfConfigFile(path: string): KnownSecret[] {
  const lines = (textOf(path) ?? '').split('\n').filter((line) => !line.startsWith('#') && line.includes('='));
  return lines.flatMap((line) => secretsOfAssignment(line));
}

/** Those that are given by variables of the environment. */
export function secretsOfEnvironment(environment: Readonly<Record<string, string | undefined>>): KnownSecret[] {
  const token = environment.CROSSDC_TOKEN;
  return [
    ...(token === undefined ? [] : [{ kind: 'CROSSDC_TOKEN', value: token }]),
    ...readEnvironment(environment).given.flatMap(({ key, value }) => secretsOf(key, value)),
  ];
}

/** Those of a command line: its `--set`, and the files of its `--config` and `--app-config`. */
export function secretsOfArguments(args: readonly string[]): KnownSecret[] {
  return args.flatMap((arg, index) => {
    const [option = '', ...inOne] = arg.split('=');
    const value = inOne.length > 0 ? inOne.join('=') : (args[index + 1] ?? '');
    if (option === '--set') return secretsOfAssignment(value);
    return option === '--config' || option === '--app-config' ? secretsOfConfigFile(value) : [];
  });
}

/** A line `key=value`; a key of an app-config file has its prefix before it. */
function secretsOfAssignment(line: string): KnownSecret[] {
  const at = line.indexOf('=');
  const key = line
    .slice(0, Math.max(at, 0))
    .trim()
    .replace(/^.*::.*?_/, '');
  return secretsOf(key, line.slice(at + 1).trim());
}

function secretsOf(key: string, value: string): KnownSecret[] {
  if (value === '') return [];
  const reference = parseKey(key);
  if (reference === null) return [];
  const option = optionOf(reference.option);
  if (option.namesSecretFile === true) return secretsOfKeyFile(key, textOf(value) ?? '');
  if (option.kind.shown !== undefined) return passwordsOfUrl(key, value);
  if (option.isSecret !== true) return [];
  const text = reference.isFile ? textOf(value)?.replace(/(\r?\n)+$/, '') : value;
  if (text === undefined) return [];
  return [{ kind: key, value: text }, ...(reference.option === 'peerSharedKey' ? secretsOfPeerKeys(key, text) : [])];
}

/** Each key by itself; of a pair the private half alone is secret, as text and as bytes. */
function secretsOfPeerKeys(kind: string, text: string): KnownSecret[] {
  const keys = parsePeerKeys(text);
  if (keys instanceof Error) return [];
  return keys.flatMap((key): KnownSecret[] => {
    if (key.kind === 'shared') return [{ kind, value: key.secret.reveal() }];
    if (key.kind === 'public') return [];
    return keyBytes(kind, key.seed.reveal());
  });
}

/** Those of a file that is secret as a whole: PEM, or words of which the long ones are keys. */
export function secretsOfKeyFile(kind: string, text: string): KnownSecret[] {
  const blocks = [...text.matchAll(/-----BEGIN [A-Z ]*PRIVATE KEY-----([^-]+)-----END/g)];
  if (blocks.length > 0) {
    const lines = blocks.flatMap(([, body = '']) => body.split(/\s+/)).filter((line) => line.length >= 40);
    return [...lines.map((value) => ({ kind, value })), ...secretsOfPrivateKey(kind, text)];
  }
  const words = text
    .split(/\r?\n/)
    .filter((line) => !line.startsWith('#'))
    .flatMap((line) => line.split(/[\s,:=]+/));
  return words.filter((word) => word.length >= WORD_MIN_CHARACTERS).flatMap((word) => keyBytes(kind, word));
}

/** A private key without what is around it in the file: JWK names what is secret of it. */
function secretsOfPrivateKey(kind: string, pem: string): KnownSecret[] {
  try {
    const { d } = createPrivateKey(pem).export({ format: 'jwk' });
    return d === undefined ? [] : keyBytes(kind, d);
  } catch {
    return []; // A test's file that is no key, or a damaged one: its lines are known all the same.
  }
}

function keyBytes(kind: string, base64: string): KnownSecret[] {
  const bytes = Buffer.from(base64, 'base64url');
  return [base64, bytes.toString('base64'), bytes.toString('hex')].map((value) => ({ kind, value }));
}

function passwordsOfUrl(kind: string, url: string): KnownSecret[] {
  const written = [
    ...[...url.matchAll(/\/\/[^/?#]*?:([^/?#]*)@/g)].map(([, password = '']) => password),
    ...[...url.matchAll(/[?&]password=([^&#]*)/g)].map(([, password = '']) => password),
  ];
  return written.flatMap((password) => [password, decoded(password)]).map((value) => ({ kind, value }));
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** undefined: not there, or not to be read; the program itself says so. */
function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
