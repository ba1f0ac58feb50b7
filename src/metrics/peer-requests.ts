import { ERRORS } from '../errors.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import { Gauge } from 'prom-client';
import { bounded, knownCounter, OTHER, type FamilyContext } from './family.ts';

/** A message that is not newer than the last: answered and without effect. Normal now and then on a line that reorders. */
const STALE = 'stale';

/** A connection that could not be encrypted, and one that is encrypted where nothing is. Neither has an answer with a code. */
const TLS = ['tls-handshake', 'tls-unexpected'];

/** A refusal is named by its error code; a peer cannot invent another. */
const CODES = [...Object.keys(ERRORS), STALE, ...TLS];

/** Those that a misconfigured, stale or hostile peer brings about, so that an alert on them sees the first one. */
const EXPECTED = [
  'bad-request',
  'token-missing',
  'token-invalid',
  'token-stale',
  'token-replayed',
  'token-audience',
  'token-mismatch',
  'certificate-missing',
  'certificate-untrusted',
  'certificate-expired',
  'identity-mismatch',
  'own-data-center',
  ...TLS,
  'wrong-data-center',
  'wrong-application',
  'wrong-protocol',
  STALE,
  'stale-incarnation',
  'version-older',
  'version-conflict',
  'origin-has-newer',
  'snapshot-too-large',
  'digest-mismatch',
];

/** What the peer listener refused, and until when peers can prove themselves. */
export function peerRequestMetrics({ registry, scrape }: FamilyContext): Pick<Telemetry, 'requestRejected'> {
  const rejected = knownCounter(
    registry,
    { name: 'crossdc_peer_requests_rejected_total', help: 'Requests that the peer listener refused, by reason.' },
    'reason',
    [...EXPECTED, OTHER],
  );
  new Gauge({
    name: 'crossdc_peer_certificate_expiry_timestamp_seconds',
    help: 'When the certificate for the peers expires: our own, or the first of the authorities that are believed.',
    labelNames: ['certificate'] as const,
    registers: [registry],
    collect() {
      this.reset();
      for (const use of ['own', 'authority'] as const) {
        const all = scrape.certificates.filter((one) => one.use === use);
        if (all.length > 0) this.set({ certificate: use }, Math.min(...all.map(({ expiresMs }) => expiresMs)) / 1000);
      }
    },
  });
  return { requestRejected: (reason) => rejected.inc({ reason: bounded(CODES, reason) }) };
}
