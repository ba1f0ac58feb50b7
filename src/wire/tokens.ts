import { createHash } from 'node:crypto';
import * as v from 'valibot';
import { dataCenterName, positiveNumber } from './names.ts';

/**
 * What a signed request and a signed answer say (interface §5, `peerAuth=key`): JSON Web Signatures (RFC 7515) in compact
 * form, told apart by `typ`. There is no claim of time: a challenge and a count decide what is fresh, never a clock.
 */
export const REQUEST_TYPE = 'crossdc-request+jwt';
export const ANSWER_TYPE = 'crossdc-answer+jwt';
/** Bears the answer's signature. */
export const SIGNATURE_HEADER = 'crossdc-signature';
/** Longer than any token of ours; a longer one is not looked at. */
export const TOKEN_MAX_CHARACTERS = 2048;

/** SHA-256 in base64url, without padding. */
const digest = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{43}$/));
/** Random, of 128 bits. */
const nonce = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{22}$/));

export const requestClaimsSchema = v.object({
  iss: dataCenterName,
  /** The receiver; empty while the sender does not know its name, which is refused with the name. */
  aud: v.union([dataCenterName, v.literal('')]),
  /** Method and path (as in RFC 9449), the path as it stands in the request. */
  htm: v.picklist(['GET', 'POST', 'PUT']),
  htu: v.pipe(v.string(), v.maxLength(1024)),
  /** Of the body. */
  dig: digest,
  /** Of the headers that mean something: `boundHeaders`. */
  hdr: digest,
  /** The receiver's challenge; empty while the sender does not know it, which is refused with the challenge. */
  chl: v.union([nonce, v.literal('')]),
  /** Used once by a run of the sender under the challenge. */
  cnt: positiveNumber,
  /** Names the sender's run. */
  run: nonce,
});
export type RequestClaims = v.InferOutput<typeof requestClaimsSchema>;

export const answerClaimsSchema = v.object({
  iss: dataCenterName,
  /** The digest of the request's token, so that an answer belongs to one request. */
  req: digest,
  sts: v.pipe(v.number(), v.integer(), v.minValue(100), v.maxValue(599)),
  dig: digest,
  /** The answerer's challenge, for the requests that follow. */
  chl: nonce,
});
export type AnswerClaims = v.InferOutput<typeof answerClaimsSchema>;

export function sha256Base64url(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('base64url');
}

/** The digest of a description, in the form of a token. */
export function base64urlOfHex(hex: string): string {
  return Buffer.from(hex, 'hex').toString('base64url');
}

/** Whether a header means something to the receiver, beyond the line's own business. */
function isBound(name: string): boolean {
  return /^(crossdc-(?!signature$).*|repr-digest|content-type|content-length|content-encoding)$/.test(name);
}

/** The headers that a token binds, as one text: a line for each, sorted by name. */
export function boundHeaders(headers: Readonly<Record<string, string | readonly string[] | undefined>>): string {
  return Object.entries(headers)
    .flatMap(([name, value]) => {
      const lower = name.toLowerCase();
      return value === undefined || !isBound(lower) ? [] : [`${lower}:${String(value)}\n`];
    })
    .sort()
    .join('');
}
