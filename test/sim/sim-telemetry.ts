import type { GatewayEvent } from '../../src/core/events.ts';
import type { PeerState } from '../../src/core/peer-state.ts';
import type { Log } from '../../src/ports/log.ts';
import type { Telemetry } from '../../src/ports/telemetry.ts';

/** What the simulator listens to; the rest of the telemetry is only counted. */
export interface Watch {
  onTransition(peer: string, to: PeerState): void;
  onEvent(event: GatewayEvent): void;
  /** The gateway says of itself that it has a defect. */
  onDefect(what: string): void;
}

export function watchingTelemetry(watch: Watch, counts: Map<string, number>): Telemetry {
  const count = (name: string): void => void counts.set(name, (counts.get(name) ?? 0) + 1);
  return {
    heartbeatSent: () => count('heartbeatSent'),
    heartbeatReceived: () => count('heartbeatReceived'),
    heartbeatMissed: () => count('heartbeatMissed'),
    heartbeatRtt: () => count('heartbeatRtt'),
    peerTransition: (peer, to) => watch.onTransition(peer, to),
    snapshotAccepted: () => count('snapshotAccepted'),
    snapshotSent: () => count('snapshotSent'),
    transferFailed: () => count('transferFailed'),
    snapshotSuperseded: () => count('snapshotSuperseded'),
    snapshotReceived: () => count('snapshotReceived'),
    verificationFailed: () => count('verificationFailed'),
    snapshotRejected: () => count('snapshotRejected'),
    scrubVerified: () => count('scrubVerified'),
    scrubDamaged: () => count('scrubDamaged'),
    archiveRemoved: (store) => count(`archiveRemoved ${store}`),
    deliveryCreated: () => count('deliveryCreated'),
    commandRun: () => count('commandRun'),
    requestRejected: (reason) => count(`rejected ${reason}`),
    ownPause: () => count('ownPause'),
    webhookPosted: () => count('webhookPosted'),
    eventPublished: (event) => watch.onEvent(event),
  };
}

export function watchingLog(watch: Watch): Log {
  return {
    debug: () => undefined,
    info: () => undefined,
    warn: () => undefined,
    error: (facts, sentence) => {
      if (sentence === 'a task failed unexpectedly') watch.onDefect(JSON.stringify(facts));
    },
  };
}
