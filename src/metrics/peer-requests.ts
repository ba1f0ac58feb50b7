import { ERRORS } from '../errors.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import { bounded, knownCounter, OTHER, type FamilyContext } from './family.ts';

/** A message that is not newer than the last: answered and without effect. Normal now and then on a line that reorders. */
const STALE = 'stale';

/** A refusal is named by its error code; a peer cannot invent another. */
const CODES = [...Object.keys(ERRORS), STALE];

/** Those that a misconfigured, stale or hostile peer brings about, so that an alert on them sees the first one. */
const EXPECTED = [
  'bad-request',
  'unauthorized',
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

/** What the peer listener refused. */
export function peerRequestMetrics({ registry }: FamilyContext): Pick<Telemetry, 'requestRejected'> {
  const rejected = knownCounter(
    registry,
    { name: 'crossdc_peer_requests_rejected_total', help: 'Requests that the peer listener refused, by reason.' },
    'reason',
    [...EXPECTED, OTHER],
  );
  return { requestRejected: (reason) => rejected.inc({ reason: bounded(CODES, reason) }) };
}
