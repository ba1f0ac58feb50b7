import { createHash } from 'node:crypto';

/** The number of the form in which documents are written; raised for one that an older program must leave alone. */
const FORMAT = 1;
/** The newest form that is known: a row whose bytes are encrypted, which an older program would take for damaged. */
export const ENCRYPTED_FORMAT = 2;

export type Unsealed =
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'damaged'; readonly problem: string }
  /** A newer version of this program wrote it: it is left alone, not set aside. */
  | { readonly kind: 'newer'; readonly format: number };

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/**
 * A JSON document with a digest of its value: a flipped bit in a version or a position is as bad as one in the bytes,
 * and JSON alone would not notice it.
 */
export function seal(value: unknown, format = FORMAT): string {
  const text = JSON.stringify(value);
  return `{"format":${format},"sha256":"${digestOf(text)}","value":${text}}\n`;
}

/** Takes untrusted text; what it says is believed only when the digest matches. */
export function unseal(text: string): Unsealed {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return { kind: 'damaged', problem: text === '' ? 'it is empty' : 'it is no JSON' };
  }
  if (typeof document !== 'object' || document === null || !('format' in document) || !('value' in document)) {
    return { kind: 'damaged', problem: 'it has not the form of a document' };
  }
  const { format } = document;
  if (typeof format === 'number' && format > ENCRYPTED_FORMAT) return { kind: 'newer', format };
  // Parsing and printing again gives the same text: keys keep their order, and numbers and strings have one form.
  if (!('sha256' in document) || document.sha256 !== digestOf(JSON.stringify(document.value))) {
    return { kind: 'damaged', problem: 'it does not match its digest' };
  }
  return { kind: 'value', value: document.value };
}
