/** A certificate on which this gateway relies towards its peers. */
export interface CertificateFacts {
  /** Our own, or that of an authority which we believe. */
  readonly use: 'own' | 'authority';
  /** Whom it names, for people. */
  readonly subject: string;
  readonly fingerprint: string;
  /** Milliseconds since 1970. */
  readonly expiresMs: number;
}
