import { randomBytes } from 'node:crypto';
import * as v from 'valibot';
import { ReplayWindows } from '../../core/replay-window.ts';
import {
  ANSWER_TYPE,
  answerClaimsSchema,
  boundHeaders,
  REQUEST_TYPE,
  requestClaimsSchema,
  sha256Base64url,
  SIGNATURE_HEADER,
  type AnswerClaims,
  type RequestClaims,
} from '../../wire/tokens.ts';
import type { KeyRing } from './key-ring.ts';
import { TrustRefusal } from './refusal.ts';

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

/** A request as it came. */
export interface ReceivedRequest {
  readonly method: string;
  /** As it stood in the request line. */
  readonly target: string;
  readonly headers: Headers;
}

/** A request as it leaves; header names in lower case. */
export interface OutgoingRequest {
  readonly method: 'GET' | 'POST' | 'PUT';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** SHA-256 of the body in base64url. */
  readonly bodyDigest: string;
}

/** Who signed a request, and the digest that its body must have. */
export interface TokenCaller {
  readonly dataCenter: string;
  readonly bodyDigest: string;
}

/** What is known of the gateway at one machine: for whom to sign, under which challenge. */
export interface TokenSession {
  audience: string;
  challenge: string;
}

const BEARER = /^Bearer ([A-Za-z0-9_.-]+)$/;

/**
 * Tokens of both directions (interface §5, `peerAuth=key`). Our challenge is random for each run of this gateway; a
 * count is used once under it by each run of a sender. No clock takes part.
 */
export class TokenAuthority {
  readonly #dataCenter: string;
  #keys: KeyRing;
  #challenge = nonce();
  #windows = new ReplayWindows();
  readonly #run = nonce();
  #count = 0;

  constructor(dataCenter: string, keys: KeyRing) {
    this.#dataCenter = dataCenter;
    this.#keys = keys;
  }

  /** Other keys sign and verify from now on; challenge and counts stay, so that no request under way is lost. */
  replaceKeys(keys: KeyRing): void {
    this.#keys = keys;
  }

  /** For a 401: what its receiver needs to sign for us. */
  get challenge(): string {
    return this.#challenge;
  }

  /**
   * Says who signed a request, and uses up its count.
   *
   * @throws TrustRefusal `token-missing`, `token-invalid`, `identity-mismatch`, `token-audience`, `token-mismatch`,
   *   `token-stale`, `token-replayed`
   */
  async admit(request: ReceivedRequest): Promise<TokenCaller> {
    const claims = await this.#claims(request);
    const { method, target, headers } = request;
    if (claims.aud !== this.#dataCenter && claims.aud !== '')
      throw new TrustRefusal(
        'token-audience',
        `The token is for "${claims.aud}"; this gateway is "${this.#dataCenter}".`,
      );
    if (claims.htm !== method) throw mismatch('method');
    if (claims.htu !== target) throw mismatch('path');
    if (claims.hdr !== sha256Base64url(boundHeaders(headers))) throw mismatch('headers');
    if (claims.aud === '' || claims.chl !== this.#challenge)
      throw new TrustRefusal(
        'token-stale',
        'The token is not for the present run of this gateway; sign for its challenge.',
      );
    const use = this.#windows.use(claims.iss, claims.run, claims.cnt);
    if (use === 'used') throw new TrustRefusal('token-replayed', 'The token was used before.');
    if (use === 'full') {
      this.#challenge = nonce();
      this.#windows = new ReplayWindows();
      throw new TrustRefusal('token-stale', 'This gateway has a new challenge; sign for it.');
    }
    return { dataCenter: claims.iss, bodyDigest: claims.dig };
  }

  /** The headers that make an answer ours, and the answer to this request alone. */
  async seal(request: Headers, status: number, body: Uint8Array): Promise<Record<string, string>> {
    const claims: AnswerClaims = {
      iss: this.#dataCenter,
      req: sha256Base64url(tokenOf(request) ?? ''),
      sts: status,
      dig: sha256Base64url(body),
      chl: this.#challenge,
    };
    const headers = { [SIGNATURE_HEADER]: await this.#keys.sign(ANSWER_TYPE, claims) };
    if (status !== 401) return headers;
    return { ...headers, 'www-authenticate': `Bearer realm="${this.#dataCenter}", challenge="${this.#challenge}"` };
  }

  /** @returns the token for a request; each is for one sending */
  async sign(request: OutgoingRequest, session: TokenSession): Promise<string> {
    this.#count += 1;
    const claims: RequestClaims = {
      iss: this.#dataCenter,
      aud: session.audience,
      htm: request.method,
      htu: request.path,
      dig: request.bodyDigest,
      hdr: sha256Base64url(boundHeaders(request.headers)),
      chl: session.challenge,
      cnt: this.#count,
      run: this.#run,
    };
    return this.#keys.sign(REQUEST_TYPE, claims);
  }

  /**
   * Says who answered a request. The challenge in the answer is noted in the session.
   *
   * @param token of the request
   * @returns null when nobody whose key we have did
   */
  async answerer(
    token: string,
    answer: { readonly signature: string; readonly status: number; readonly body: Uint8Array },
    session: TokenSession,
  ): Promise<string | null> {
    const verified = await this.#keys.verify(ANSWER_TYPE, answer.signature);
    const parsed = v.safeParse(answerClaimsSchema, verified?.payload);
    if (verified === null || !parsed.success) return null;
    const { iss, req, sts, dig, chl } = parsed.output;
    if (verified.dataCenter !== null && verified.dataCenter !== iss) return null;
    if (req !== sha256Base64url(token) || sts !== answer.status || dig !== sha256Base64url(answer.body)) return null;
    session.challenge = chl;
    return iss;
  }

  async #claims({ headers }: ReceivedRequest): Promise<RequestClaims> {
    if (headers.authorization === undefined) {
      throw new TrustRefusal('token-missing', 'The request bears no token, and this gateway wants one (peerAuth=key).');
    }
    const token = tokenOf(headers);
    const verified = token === null ? null : await this.#keys.verify(REQUEST_TYPE, token);
    const parsed = v.safeParse(requestClaimsSchema, verified?.payload);
    if (verified === null || !parsed.success)
      throw new TrustRefusal('token-invalid', 'The token is not signed with a key that this gateway knows.');
    const { dataCenter } = verified;
    if (dataCenter !== null && dataCenter !== parsed.output.iss)
      throw new TrustRefusal(
        'identity-mismatch',
        `The key of "${dataCenter}" does not speak for "${parsed.output.iss}".`,
      );
    return parsed.output;
  }
}

function tokenOf(headers: Headers): string | null {
  const { authorization } = headers;
  return typeof authorization === 'string' ? (BEARER.exec(authorization)?.[1] ?? null) : null;
}

function nonce(): string {
  return randomBytes(16).toString('base64url');
}

function mismatch(what: string): TrustRefusal {
  return new TrustRefusal('token-mismatch', `The token is for another request: its ${what} differs.`);
}
