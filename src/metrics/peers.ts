import { Gauge } from 'prom-client';
import type { PeerState } from '../core/peer-state.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import { peerCounterBy, peerGauge, type FamilyContext } from './family.ts';

/** Every state, as keys so that the compiler holds the list complete. */
const STATES = Object.keys({
  unknown: true,
  up: true,
  suspect: true,
  down: true,
  left: true,
} satisfies Record<PeerState, true>);

/** What we believe of each peer. */
export function peerMetrics(context: FamilyContext): Pick<Telemetry, 'peerTransition'> {
  peerGauge(
    context,
    { name: 'crossdc_peer_up', help: '1 while the peer is in the state up, 0 in every other state.' },
    (peer) => (peer.state === 'up' ? 1 : 0),
  );
  stateGauge(context);
  peerGauge(
    context,
    {
      name: 'crossdc_peer_last_heartbeat_timestamp_seconds',
      help: 'When the last heartbeat of the peer came, by our wall clock; absent before the first.',
    },
    (peer) => (peer.lastHeartbeatMs === null ? null : peer.lastHeartbeatMs / 1000),
  );
  peerGauge(
    context,
    {
      // Not `hears_us`: promtool takes a name's last word "us" for microseconds and refuses it.
      name: 'crossdc_peer_hears_this_gateway',
      help: '1 while the peer hears our heartbeats, 0 while it does not; absent when nothing tells.',
    },
    (peer) => (peer.hearsUs === null ? null : Number(peer.hearsUs)),
  );
  peerGauge(
    context,
    {
      name: 'crossdc_peer_incarnations',
      help: 'Live runs of gateways that speak for the peer; 2 means that two run under one name.',
    },
    (peer) => peer.incarnations,
  );
  peerGauge(
    context,
    {
      name: 'crossdc_peer_clock_skew_seconds',
      help: 'How far the wall clock of the peer is ahead of ours; it decides nothing. Absent before the first heartbeat.',
    },
    (peer) => peer.clockSkewSeconds,
  );
  const transitions = peerCounterBy(
    context,
    { name: 'crossdc_peer_transitions_total', help: 'Changes of the state of the peer, by the new state.' },
    'to',
    STATES,
  );
  return { peerTransition: (peer, to) => transitions.inc({ peer, to }) };
}

function stateGauge({ registry, scrape }: FamilyContext): void {
  new Gauge({
    name: 'crossdc_peer_state',
    help: 'One series for each state of the peer: 1 for the one it is in, 0 for the others.',
    labelNames: ['peer', 'state'] as const,
    registers: [registry],
    collect() {
      this.reset();
      for (const { peer, state: current } of scrape.peers) {
        for (const state of STATES) this.set({ peer, state }, state === current ? 1 : 0);
      }
    },
  });
}
