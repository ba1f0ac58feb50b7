/**
 * The data centres for which a certificate speaks, read from the two strings that Node gives of it. Whatever is of no
 * form that we know speaks for nobody: a name is never guessed from a part of a text.
 */

/** What Node's `X509Certificate` says of a certificate's subject. */
export interface CertificateSubject {
  /** `URI:crossdc://dc1, DNS:dc1.example`; a value with odd characters is a quoted JSON string. */
  readonly subjectAltName: string | undefined;
  /** A line for each part of the distinguished name, `CN=dc1`, with the escapes of RFC 4514. */
  readonly subject: string;
}

/** The name of a data centre, as the wire has it. */
export const DATA_CENTER_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const SCHEME = 'crossdc://';
/** One name of the list: its kind, then a value that is quoted, or has none of the characters that would need it. */
const ENTRY = /([A-Za-z0-9 ]+):("(?:[^"\\]|\\.)*"|[^",]*)(?:, |$)/y;

interface AltName {
  readonly kind: string;
  readonly value: string;
}

/**
 * The names, each once: those of the URIs `crossdc://NAME` if there is any such URI; else those of the DNS names; else,
 * if there is no DNS name at all (RFC 6125 §6.4.4), the one common name. A wildcard is no name, and of several common
 * names none counts, because which of them was meant nobody knows.
 */
export function namesInCertificate({ subjectAltName, subject }: CertificateSubject): readonly string[] {
  const names = altNames(subjectAltName ?? '');
  if (names === undefined) return [];
  // The scheme of a URI has no case (RFC 3986 §3.1), so that no spelling of it makes a DNS name count.
  const ours = names.filter(({ kind, value }) => kind === 'URI' && value.toLowerCase().startsWith(SCHEME));
  if (ours.length > 0) return valid(ours.map(({ value }) => value.slice(SCHEME.length)));
  const dns = names.filter(({ kind }) => kind === 'DNS');
  if (dns.length > 0) return valid(dns.map(({ value }) => value));
  const common = commonNames(subject);
  return common.length === 1 ? valid(common) : [];
}

function valid(names: readonly string[]): readonly string[] {
  return [...new Set(names.filter((name) => DATA_CENTER_NAME.test(name)))];
}

/** The list taken apart; undefined when a part of it cannot be told from the next. */
function altNames(text: string): readonly AltName[] | undefined {
  const found: AltName[] = [];
  let end = 0;
  while (end < text.length) {
    ENTRY.lastIndex = end;
    const match = ENTRY.exec(text);
    const [whole, kind, quoted] = match ?? [];
    const value = quoted === undefined ? undefined : unquoted(quoted);
    if (whole === undefined || kind === undefined || value === undefined) return undefined;
    found.push({ kind, value });
    end += whole.length;
  }
  // A separator with nothing behind it was made by nobody that we know.
  return text.endsWith(', ') ? undefined : found;
}

function unquoted(text: string): string | undefined {
  if (!text.startsWith('"')) return text;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'string' ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Every common name. A plus sign and a line's end within a value are escaped, so neither separator is part of one. */
function commonNames(subject: string): readonly string[] {
  return subject
    .split(/\n| \+ /)
    .filter((part) => part.startsWith('CN='))
    .map((part) => part.slice('CN='.length));
}
