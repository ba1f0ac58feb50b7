import { X509Certificate } from 'node:crypto';
import type { PeerCertificate } from 'node:tls';
import type { Refused } from '../../ports/peer-transport.ts';
import { SIGNATURE_HEADER } from '../../wire/tokens.ts';
import { certifiedBy, type Certified } from './caller.ts';
import type { PeerTrust } from './peer-trust.ts';
import type { OutgoingRequest, TokenSession } from './token-authority.ts';

/** A request that may leave. */
export interface SignedRequest {
  readonly headers: Record<string, string>;
  /** Empty where nothing is signed. */
  readonly token: string;
}

/** What a machine answered, as far as it bears on who it is. */
export interface GivenAnswer {
  readonly status: number;
  readonly body: Uint8Array;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

/** The connection's certificate is another's; told from other failures of TLS by this code. */
export const WRONG_NAME = 'CROSSDC_WRONG_NAME';

const CODES_OF_A_STALE_TOKEN = /"urn:crossdc:problem:token-(stale|replayed)"/;

/** The client's side of trust, towards one machine: signs what leaves, and believes no answer of somebody else. */
export class PeerLink {
  readonly trust: PeerTrust;
  readonly #expected: string | null;
  readonly #session: TokenSession;
  /** The certificate that the machine showed last. */
  #certified: Certified = { names: [], expiresMs: 0 };

  /** @param dataCenter whose gateway the machine is; null while nobody knows: then whoever proves a name has it */
  constructor(trust: PeerTrust, dataCenter: string | null, session: TokenSession) {
    this.trust = trust;
    this.#expected = dataCenter;
    this.#session = session;
    if (dataCenter !== null) session.audience = dataCenter;
  }

  async sign(request: OutgoingRequest): Promise<SignedRequest> {
    const headers = { ...request.headers, 'user-agent': 'crossdc-gateway' };
    const { tokens } = this.trust;
    if (tokens === null) return { headers, token: '' };
    const token = await tokens.sign(request, this.#session);
    return { headers: { ...headers, authorization: `Bearer ${token}` }, token };
  }

  /** As `tls.connect` takes it: the certificate's names count, not the address by which the machine was found. */
  readonly checkServerIdentity = (_host: string, certificate: PeerCertificate): Error | undefined => {
    this.#certified = certifiedBy(new X509Certificate(certificate.raw));
    const { names } = this.#certified;
    if (this.#expected === null || names.includes(this.#expected)) return undefined;
    const whose = names.length === 0 ? 'no data centre' : names.map((name) => `"${name}"`).join(', ');
    return Object.assign(new Error(`The machine's certificate is of ${whose}, not of "${this.#expected}".`), {
      code: WRONG_NAME,
    });
  };

  /** @returns why the answer is not believed; null when it is */
  async check(answer: GivenAnswer, token: string, claimed: string | null): Promise<Refused | null> {
    const { tls, tokens } = this.trust;
    const { names, expiresMs } = this.#certified;
    // A connection may outlive its certificate; then it is over.
    if (tls !== null && this.trust.wallMs() >= expiresMs)
      return refused('tls', 'The certificate of the machine has expired.');
    if (tls !== null && (claimed === null || !names.includes(claimed)))
      return refused('wrong-data-center', `The answer is not of the data centre that the machine's certificate names.`);
    if (tokens === null) return null;
    const signature = answer.headers[SIGNATURE_HEADER];
    if (typeof signature !== 'string')
      return refused(
        'unauthorized',
        `It answered ${answer.status} without a signature: it has no peerSharedKey, or is no gateway.`,
      );
    const { status, body } = answer;
    const signer = await tokens.answerer(token, { signature, status, body }, this.#session);
    if (signer === null)
      return refused('unauthorized', `It answered ${answer.status}, signed with no key that this gateway knows.`);
    if (this.#expected !== null && signer !== this.#expected)
      return refused('wrong-data-center', `The machine is the gateway of "${signer}", not of "${this.#expected}".`);
    if (claimed !== signer) return refused('wrong-data-center', `The answer bears another name than its signature.`);
    this.#session.audience = signer;
    return null;
  }

  /** Whether a believed answer asks for no more than another signature: the peer was started anew, most likely. */
  wantsAnother(answer: GivenAnswer): boolean {
    if (this.trust.tokens === null || answer.status !== 401) return false;
    return CODES_OF_A_STALE_TOKEN.test(Buffer.from(answer.body).toString('latin1'));
  }
}

function refused(reason: Refused['reason'], detail: string): Refused {
  return { kind: 'refused', reason, detail };
}
