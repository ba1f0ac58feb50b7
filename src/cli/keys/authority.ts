import { createPrivateKey, generateKeyPairSync, X509Certificate, type KeyObject } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { CliError, EXIT, usageError } from '../exit-status.ts';
import { writeLine, type CliIo } from '../io.ts';
import { readKeyFile } from './secret-file.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
/** A certificate is valid from a little before it was made: the other machine's clock may be behind. */
const SKEW_MS = 60 * 60 * 1000;
const DAYS_MAX = 36_500;
/** Curves of the keys that sign: what OpenSSL calls them, and what Web Cryptography calls them. */
export const SIGNING_CURVES: ReadonlyMap<string, string> = new Map([
  ['prime256v1', 'P-256'],
  ['secp384r1', 'P-384'],
  ['secp521r1', 'P-521'],
]);

export const DIRECTORY_HELP = `\
  --directory DIR    the folder with ca.key and ca.crt (the folder in which the command is started)
`;

export interface AuthorityFiles {
  readonly keyFile: string;
  readonly certificateFile: string;
}

export function authorityFiles(directory: string): AuthorityFiles {
  return { keyFile: join(directory, 'ca.key'), certificateFile: join(directory, 'ca.crt') };
}

/** @throws CliError (usage) */
export function validityOf(
  days: string | undefined,
  byDefault: number,
  wallMs: number,
): { fromMs: number; untilMs: number } {
  const number = days === undefined ? byDefault : /^\d{1,5}$/.test(days) ? Number(days) : 0;
  if (number < 1 || number > DAYS_MAX)
    throw usageError(`--days takes a whole number from 1 to ${DAYS_MAX}, not "${days ?? ''}"`);
  return { fromMs: wallMs - SKEW_MS, untilMs: wallMs + number * DAY_MS };
}

/** A private key on the curve P-256, which every version of TLS 1.3 has. */
export function newKey(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
}

export function keyText(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** "2029-02-25" of a certificate's time. */
export function dateText(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

export interface Authority {
  readonly certificate: X509Certificate;
  readonly key: KeyObject;
  readonly expiresMs: number;
}

/**
 * The authority of the folder, checked: it may sign, the key is its own, and it has not expired.
 *
 * @throws CliError that names the file and says what would be right
 */
export async function loadAuthority(directory: string, io: CliIo): Promise<Authority> {
  const { keyFile, certificateFile } = authorityFiles(directory);
  if (!existsSync(certificateFile))
    throw new CliError(EXIT.failed, `there is no ${certificateFile}; crossdc keys ca init makes it, with its key`);
  const certificate = parseCertificate((await readKeyFile(certificateFile)).text, certificateFile);
  const secret = await readKeyFile(keyFile);
  const key = parsePrivateKey(secret.text, keyFile);
  const problem = (message: string): CliError => new CliError(EXIT.failed, message);
  if (!certificate.ca)
    throw problem(`${certificateFile} is not the certificate of an authority; crossdc keys ca init makes one`);
  if (key.asymmetricKeyType !== 'ec')
    throw problem(`${keyFile} is no key on an elliptic curve; sign with the tools with which that authority was made`);
  if (!SIGNING_CURVES.has(key.asymmetricKeyDetails?.namedCurve ?? ''))
    throw problem(
      `${keyFile} is no key on the curve ${[...SIGNING_CURVES.values()].join(', ')}; sign with the tools with which that authority was made`,
    );
  if (!certificate.checkPrivateKey(key))
    throw problem(
      `${keyFile} is not the private key of ${certificateFile}; put the two files together that were made together`,
    );
  const expiresMs = Date.parse(certificate.validTo);
  if (expiresMs <= io.wallMs())
    throw problem(
      `${certificateFile} expired on ${dateText(expiresMs)}; crossdc keys ca init in another folder makes a new authority`,
    );
  if ((secret.mode & 0o077) !== 0)
    await writeLine(
      io.stderr,
      `crossdc: warning: ${keyFile} can be read by others than this user; chmod 600 ${keyFile}`,
    );
  return { certificate, key, expiresMs };
}

export function parseCertificate(text: string, path: string): X509Certificate {
  try {
    return new X509Certificate(text);
  } catch {
    throw new CliError(EXIT.failed, `${path} has no certificate in PEM form`);
  }
}

export function parsePrivateKey(text: string, path: string): KeyObject {
  try {
    return createPrivateKey(text);
  } catch {
    throw new CliError(EXIT.failed, `${path} has no private key in PEM form without a password`);
  }
}
