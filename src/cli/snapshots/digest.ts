import { createHash } from 'node:crypto';
import { CliError, EXIT } from '../exit-status.ts';

/** The hexadecimal sha-256 of a `Repr-Digest` header (RFC 9530); undefined when there is none. */
export function parseReprDigest(header: string | readonly string[] | undefined): string | undefined {
  const text = typeof header === 'string' ? header : (header ?? []).join(',');
  const encoded = /(?:^|,)\s*sha-256=:([A-Za-z0-9+/]{43}=):/.exec(text)?.[1];
  return encoded === undefined ? undefined : Buffer.from(encoded, 'base64').toString('hex');
}

/** Hashes and counts what passes. */
export class Tally {
  #hash = createHash('sha256');
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  add(chunk: Uint8Array): void {
    this.#hash.update(chunk);
    this.#bytes += chunk.length;
  }

  reset(): void {
    this.#hash = createHash('sha256');
    this.#bytes = 0;
  }

  /** Of all that was added; may be asked again and again. */
  sha256(): string {
    return this.#hash.copy().digest('hex');
  }
}

/** @throws CliError when the bytes are not those that the gateway has */
export function assertDigest(what: string, actual: string, expected: string): void {
  if (actual === expected) return;
  throw new CliError(
    EXIT.failed,
    `${what} do not match their digest: sha-256 is ${actual}, and ${expected} was expected`,
  );
}
