/** What a gateway says of a port that it cannot have; who starts gateways on free ports looks for it in their logs. */
export const PORT_IN_USE = 'is in use by another program';

/**
 * The catalogue of errors. Each code's docstring is the operator's manual: what causes it, whether it is normal, what
 * to do. Only code, title, detail and field leave the process; causes and stacks stay in the log.
 *
 * `status` is the HTTP status with which either API answers; `retry` says whether the same request may succeed later
 * without anybody changing it.
 */
export const ERRORS = {
  /** A request is not of the form that the interface gives. Not normal: mend the caller; `field` names the part. */
  'bad-request': { status: 400, title: 'The request is not valid', retry: false },
  /** The local API wants its bearer token (`localApiToken`), and it was missing or wrong. */
  unauthorized: { status: 401, title: 'A valid token is required', retry: false },
  /** The token is `localApiReadToken`: it may neither change anything nor read the bytes of a snapshot. Use `localApiToken`. */
  'read-only-token': { status: 403, title: 'The token may only read', retry: false },
  /** A peer's request bears no token, and `peerAuth=key` is set here. Give the peer the key; a stranger knocks otherwise. */
  'token-missing': { status: 401, title: 'A signed token is required', retry: false },
  /** A peer's token is not signed with a key of `peerSharedKey`. The keys differ, or it is forged. Compare `crossdc keys inspect`. */
  'token-invalid': { status: 401, title: 'The token is not valid', retry: false },
  /** A peer's token is for an earlier run of this gateway. Normal once after each start: the peer signs again by itself. */
  'token-stale': { status: 401, title: 'The token is not for the present challenge', retry: true },
  /** A peer's token was used before: somebody recorded a request and sends it again. Nothing changed. */
  'token-replayed': { status: 401, title: 'The token was used before', retry: true },
  /** A peer's token is meant for another data centre: the machine's address leads to the wrong gateway. */
  'token-audience': { status: 401, title: 'The token is for another data centre', retry: false },
  /** A peer's token was made for another request: something between the two changes requests, or somebody forges them. */
  'token-mismatch': { status: 401, title: 'The token is for another request', retry: false },
  /** A peer shows no certificate, and `peerAuth=tls` is set here. */
  'certificate-missing': { status: 401, title: 'A certificate is required', retry: false },
  /** A peer's certificate is not signed by an authority of `peerTlsCaFile`. */
  'certificate-untrusted': { status: 401, title: 'The certificate is not trusted', retry: false },
  /** A peer's certificate has expired, or the clock is wrong. Renew it (`crossdc keys ca issue DC --renew`); no restart is needed. */
  'certificate-expired': { status: 401, title: 'The certificate has expired', retry: false },
  /** A peer proves to be one data centre and speaks for another. Mend its `localDataCenterName`, certificate or keys. */
  'identity-mismatch': { status: 403, title: 'The sender is not whom it speaks for', retry: false },
  /** A peer speaks with our own name: two gateways have one `localDataCenterName`, or an address leads back to us. */
  'own-data-center': { status: 403, title: 'The sender has our own name', retry: false },
  /** The request's Host is not the API's own, or it comes from another web origin: a web page tried to use the API. */
  'forbidden-host': { status: 403, title: 'The request does not come from where it may', retry: false },
  /** A peer speaks for a data centre that is not configured here. Mend one of the two configurations. */
  'wrong-data-center': { status: 403, title: 'The data centre is not a peer of this gateway', retry: false },
  /** A peer's `applicationName` is another than ours. Mend one of the two configurations. */
  'wrong-application': { status: 403, title: 'The peer is the gateway of another application', retry: false },
  /** A peer speaks another version of the peer protocol. Upgrade the older of the two. */
  'wrong-protocol': { status: 403, title: 'The peer speaks another protocol', retry: false },
  /** There is no such thing: an origin, a delivery, a peer, a path. `detail` names it. */
  'not-found': { status: 404, title: 'There is no such thing', retry: false },
  /** Nothing is held from that peer that could be delivered or returned. */
  'nothing-held': { status: 404, title: 'Nothing is held', retry: false },
  'method-not-allowed': { status: 405, title: 'The method is not allowed here', retry: false },
  /** A waiting request ran into its timeout. What was accepted stays accepted and goes on. */
  'not-in-time': { status: 504, title: 'It did not happen in time', retry: true },
  /** An older version than the one that is there was offered, and refused: versions never go back. Normal after a retry. */
  'version-older': { status: 409, title: 'A newer version is there', retry: false },
  /** The same version came with other bytes: two gateways write under one name. Find the second one. */
  'version-conflict': { status: 409, title: 'The version is there with other bytes', retry: false },
  /** A returned snapshot was refused because its origin has accepted this version or a newer one in its present run. */
  'origin-has-newer': { status: 409, title: 'The origin has this version or a newer one', retry: false },
  /** The workload belongs to another data centre; this one may not take snapshots of it. */
  'not-owner': { status: 409, title: 'Another data centre owns the workload', retry: false },
  /** A change of owner was refused, and nothing has changed; `plan` has each check with its reason. */
  'ownership-refused': { status: 409, title: 'The change of owner is refused', retry: true },
  /** The application releases a workload that nobody has asked it to release, or its time was over. */
  'not-releasing': { status: 409, title: 'The workload is not being released', retry: false },
  /** A message of an earlier run of the peer's gateway. The sender raises its incarnation and goes on. */
  'stale-incarnation': { status: 409, title: 'A newer incarnation was heard', retry: true },
  /** The delivery was cancelled, or the snapshot was settled otherwise, or another version is offered now. */
  'delivery-conflict': { status: 409, title: 'The delivery does not take this answer', retry: false },
  /** A pinned version was found damaged; the delivery now offers another version, or none. Read the delivery again. */
  'snapshot-replaced': { status: 409, title: 'Another version is offered instead', retry: true },
  /** More than 64 watermarks, or more than 4 KiB of them together. Use fewer names or shorter positions. */
  'watermarks-too-large': { status: 413, title: 'The watermarks are too large', retry: false },
  /** The snapshot is larger than `dataSnapshotMaxBytes`. Raise the key on both sides, or post a smaller snapshot. */
  'snapshot-too-large': { status: 413, title: 'The snapshot is too large', retry: false },
  /** A JSON body or another bounded thing is too large. */
  'too-large': { status: 413, title: 'The request is too large', retry: false },
  'range-not-satisfiable': { status: 416, title: 'The range lies outside the snapshot', retry: false },
  /** The bytes do not match their digest or their length: damaged on the way. Nothing was stored; it is sent again. */
  'digest-mismatch': { status: 422, title: 'The bytes do not match their digest', retry: true },
  /** The caller went away before its body was complete. Nothing was stored. */
  interrupted: { status: 400, title: 'The body was not complete', retry: true },
  'headers-too-large': { status: 431, title: 'The headers are too large', retry: false },
  /** A defect of this program. The log has the cause under the request id. */
  internal: { status: 500, title: 'Internal error', retry: true },
  /** The gateway is on its way out and takes no new work. Normal during a shutdown. */
  'shutting-down': { status: 503, title: 'The gateway is shutting down', retry: true },
  /** The store cannot be used now. Look at the event `store-error` and at the disk. */
  'store-unavailable': { status: 503, title: 'The store is not available', retry: true },
  /**
   * The place of the store has something that is not ours: a table of the IBM toolkit, tables of a newer version of this
   * program, a database that is not in UTF-8. Not normal; `detail` says what was found and what to do.
   */
  'store-foreign': { status: 503, title: 'The store has what is not ours', retry: false },
  /** Too many requests are under way. */
  busy: { status: 503, title: 'Too much is under way', retry: true },
  /** The disk is full. Nothing was half-written; the version before is still there. Make room; no restart is needed. */
  'store-full': { status: 507, title: 'There is no room in the store', retry: true },
  /** A stored snapshot does not match its digest or is missing. It was set aside; the version before is offered. */
  'snapshot-damaged': { status: 500, title: 'The stored snapshot is damaged', retry: false },
  /**
   * A stored snapshot is encrypted with a key that `snapshotEncryptionKeyFile` does not list; `detail` names the key's id.
   * Not normal: a key was taken out too early. The snapshot is kept; list the key again and restart.
   */
  'encryption-key-missing': { status: 503, title: 'The key of the stored snapshot is not listed', retry: false },
  /** The gateway that has to decide or to be asked does not answer: its peer state says why. Try again when it is up. */
  'peer-unavailable': { status: 503, title: 'The peer does not answer', retry: true },
  /** The state folder is in use by another process. */
  'state-locked': { status: 503, title: 'The state folder is in use', retry: true },
} as const satisfies Record<string, { status: number; title: string; retry: boolean }>;

export type ErrorCode = keyof typeof ERRORS;

/** An error that a caller may see. `facts` (peer, origin, version …) go into the log and, where named in `detail`, out. */
export class GatewayError extends Error {
  readonly code: ErrorCode;
  /** The one request field or config key at fault, if there is one. */
  readonly field: string | undefined;
  readonly facts: Readonly<Record<string, unknown>>;

  constructor(
    code: ErrorCode,
    detail: string,
    more: { field?: string | undefined; facts?: Readonly<Record<string, unknown>>; cause?: unknown } = {},
  ) {
    super(detail, more.cause === undefined ? undefined : { cause: more.cause });
    this.name = 'GatewayError';
    this.code = code;
    this.field = more.field;
    this.facts = more.facts ?? {};
  }

  get status(): number {
    return ERRORS[this.code].status;
  }

  get retry(): boolean {
    return ERRORS[this.code].retry;
  }
}

/** An RFC 9457 problem; `type` is a URN, `code` without its prefix is the name in docs/operations.md. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly field?: string;
  readonly has?: number;
  readonly row?: unknown;
  readonly plan?: unknown;
  /** Of what was waited for and did not come in time: the answer as far as it came. */
  readonly requestId?: unknown;
  readonly rows?: unknown;
  readonly syncId?: unknown;
  readonly dataCenter?: unknown;
  readonly origins?: unknown;
}

type UnfinishedAnswer = Pick<Problem, 'requestId' | 'rows' | 'syncId' | 'dataCenter' | 'origins'>;

/** None of the members of a problem itself may be among them. */
function isAnswer(value: unknown): value is UnfinishedAnswer {
  return typeof value === 'object' && value !== null && !('type' in value || 'status' in value);
}

/** The problem that leaves the process: of an unexpected error nothing but that it happened. */
export function problemOf(error: unknown): Problem {
  if (!(error instanceof GatewayError)) {
    return {
      type: 'urn:crossdc:problem:internal',
      title: ERRORS.internal.title,
      status: 500,
      detail: 'The log has the cause.',
    };
  }
  return {
    type: `urn:crossdc:problem:${error.code}`,
    title: ERRORS[error.code].title,
    status: error.status,
    detail: error.message,
    ...(error.field === undefined ? {} : { field: error.field }),
    ...(typeof error.facts.has === 'number' ? { has: error.facts.has } : {}),
    // What a caller needs to go on: the row of the workload's owner, the plan with what speaks against it.
    ...(error.facts.row === undefined ? {} : { row: error.facts.row }),
    ...(error.facts.plan === undefined ? {} : { plan: error.facts.plan }),
    ...(isAnswer(error.facts.answer) ? error.facts.answer : {}),
  };
}

/** What an unknown thrown value says, on one line. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
