import { createHash, createPublicKey, X509Certificate } from 'node:crypto';
import { namesInCertificate } from '../../core/certificate-names.ts';
import { parseEncryptionKeys } from '../../core/encryption-keys.ts';
import { parsePeerKeys } from '../../core/peer-keys.ts';
import { parsePrivateKey } from './authority.ts';
import { parseKeyFile } from './key-file.ts';
import { isEncryptionFile } from './key-sets.ts';
import { keyId } from './make-keys.ts';

/** What is in one file. Nothing of it is secret. */
export interface Inspected {
  readonly file: string;
  /** `0600`; null when the file could not be opened. */
  readonly mode: string | null;
  readonly items: readonly Item[];
  /** What is wrong, each a reason for exit status 1. */
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
}

interface Item {
  readonly kind:
    'shared key' | 'private key' | 'public key' | 'encryption key' | 'certificate' | 'authority' | 'TLS key';
  /** The data centres for which it speaks; of an authority its own name. */
  readonly names: readonly string[];
  readonly id: string;
  /** What it does beside the others of its file: `signs`, `encrypts`; `next` and `old` during a rotation. */
  readonly role: string | null;
  /** RFC 3339; null for what does not expire. */
  readonly validFrom: string | null;
  readonly validTo: string | null;
  /** SHA-256 of the public key (SPKI): the same for a certificate and its private key. */
  readonly publicKeySha256: string | null;
}

interface Source {
  readonly file: string;
  readonly text: string;
  readonly mode: number;
  readonly wallMs: number;
}

interface Findings {
  readonly items: readonly Item[];
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
  readonly isSecret: boolean;
}

const DAY_MS = 24 * 60 * 60 * 1000;
/** As long before the end as the gateway warns. */
const WARNING_DAYS = 30;

export function inspected({ file, text, mode, wallMs }: Source): Inspected {
  const { items, problems, warnings, isSecret } = text.includes('-----BEGIN ') ? ofPem(text, wallMs) : ofKeys(text);
  const open = isSecret ? openness(mode) : { problems: [], warnings: [] };
  return {
    file,
    mode: `0${mode.toString(8).padStart(3, '0')}`,
    items,
    problems: [...open.problems, ...problems],
    warnings: [...open.warnings, ...warnings],
  };
}

function openness(mode: number): { problems: string[]; warnings: string[] } {
  const digits = mode.toString(8).padStart(3, '0');
  const advice = 'chmod 600 makes it right';
  if ((mode & 0o007) !== 0)
    return { problems: [`everybody on this machine can use it (mode 0${digits}); ${advice}`], warnings: [] };
  if ((mode & 0o070) !== 0) return { problems: [], warnings: [`its group can use it (mode 0${digits}); ${advice}`] };
  return { problems: [], warnings: [] };
}

function ofKeys(text: string): Findings {
  const file = parseKeyFile(text);
  const plain = { names: [], validFrom: null, validTo: null, publicKeySha256: null };
  if (isEncryptionFile(file)) {
    const keys = parseEncryptionKeys(text);
    if (keys instanceof Error) return { items: [], problems: [keys.message], warnings: [], isSecret: true };
    const roleOf = (index: number): string | null => (index === 0 ? 'encrypts' : (file.keys[index]?.mark ?? null));
    const items = keys.map(({ id }, index): Item => ({ ...plain, kind: 'encryption key', id, role: roleOf(index) }));
    return { items, problems: [], warnings: [], isSecret: true };
  }
  const keys = parsePeerKeys(text);
  if (keys instanceof Error) {
    const problem = `is no file of keys or certificates: ${keys.message}`;
    return { items: [], problems: [problem], warnings: [], isSecret: false };
  }
  const signing = keys.findIndex(({ kind }) => kind !== 'public');
  const items = keys.map((key, index): Item => {
    const role = index === signing ? 'signs' : (file.keys[index]?.mark ?? null);
    if (key.kind === 'shared') return { ...plain, kind: 'shared key', id: keyId(key), role };
    return { ...plain, kind: `${key.kind} key`, names: [key.dataCenter], id: keyId(key), role };
  });
  return { items, problems: [], warnings: [], isSecret: true };
}

const PEM = /-----BEGIN ([A-Z0-9 ]+)-----[^-]*-----END \1-----/g;

function ofPem(text: string, wallMs: number): Findings {
  const items: Item[] = [];
  const problems: string[] = [];
  const warnings: string[] = [];
  let isSecret = false;
  for (const [block, label = ''] of text.matchAll(PEM)) {
    if (label.endsWith('PRIVATE KEY')) {
      isSecret = true;
      const item = tlsKey(block);
      if (item === null) problems.push('has a private key that cannot be read; one with a password cannot be used');
      else items.push(item);
    } else if (label === 'CERTIFICATE') {
      const item = certificateItem(block);
      if (item === null) problems.push('has a certificate that cannot be read');
      else {
        items.push(item);
        judge(item, wallMs, { problems, warnings });
      }
    }
  }
  if (items.length === 0 && problems.length === 0)
    problems.push('has neither a certificate nor a private key in PEM form');
  return { items, problems, warnings, isSecret };
}

function tlsKey(pem: string): Item | null {
  try {
    const spki = createPublicKey(parsePrivateKey(pem, '')).export({ type: 'spki', format: 'der' });
    const id = sha256(spki);
    return { kind: 'TLS key', names: [], id, role: null, validFrom: null, validTo: null, publicKeySha256: id };
  } catch {
    return null;
  }
}

function certificateItem(pem: string): Item | null {
  try {
    const certificate = new X509Certificate(pem);
    return {
      kind: certificate.ca ? 'authority' : 'certificate',
      names: certificate.ca ? [certificate.subject.replaceAll('\n', ', ')] : namesInCertificate(certificate),
      id: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
      role: null,
      validFrom: isoOf(certificate.validFrom),
      validTo: isoOf(certificate.validTo),
      publicKeySha256: sha256(certificate.publicKey.export({ type: 'spki', format: 'der' })),
    };
  } catch {
    return null;
  }
}

function judge(item: Item, wallMs: number, { problems, warnings }: { problems: string[]; warnings: string[] }): void {
  const { kind, names, validFrom, validTo } = item;
  const whose = `the certificate of ${names.join(', ') || 'nobody'}`;
  if (kind === 'certificate' && names.length === 0)
    problems.push(
      'speaks for no data centre: it needs the URI crossdc://NAME, a DNS name or a common name that is one',
    );
  if (validFrom !== null && Date.parse(validFrom) > wallMs)
    problems.push(`${whose} is valid from ${validFrom} on only`);
  if (validTo === null) return;
  const leftMs = Date.parse(validTo) - wallMs;
  if (leftMs <= 0)
    problems.push(`${whose} expired on ${validTo.slice(0, 10)}; crossdc keys ca issue --renew makes another`);
  else if (leftMs < WARNING_DAYS * DAY_MS)
    warnings.push(`${whose} expires on ${validTo.slice(0, 10)}, in ${Math.floor(leftMs / DAY_MS)} days`);
}

function isoOf(text: string): string {
  return new Date(text).toISOString().replace('.000Z', 'Z');
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
