import { rememberedPeer, type PeerHealth, type RememberedPeer } from '../core/peer-state.ts';
import { isoTime } from '../ports/clock.ts';
import type { DurableRecords } from './durable-records.ts';
import { recordSegment } from './durable-records.ts';
import type { Peer, ReturnItem } from './peer.ts';

/** What survives a restart of what is known of a peer: record `peers/NAME`. */
export class PeerRecords {
  readonly #records: DurableRecords;

  constructor(records: DurableRecords) {
    this.#records = records;
  }

  /** Brings back what was known under the name, which the peer may not have yet. `holds`: whether something is held from it. */
  async load(peer: Peer, name: string, holds: boolean, listeningSince: number): Promise<void> {
    const record = asRecord(await this.#records.read(nameOf(name)));
    peer.health = rememberedPeer(record === null ? null : remembered(record), holds, listeningSince);
    if (record === null) return;
    peer.sinceMs = wallOf(record['since']) ?? peer.sinceMs;
    peer.lastHeartbeatMs = wallOf(record['lastHeartbeatAt']);
    peer.lastReplicatedMs = wallOf(record['lastReplicatedAt']);
    peer.transitions = typeof record['transitions'] === 'number' ? record['transitions'] : 0;
    // `takeoverDue` is what records of the first version called it.
    peer.isCommandDue = record['commandDue'] === true || record['takeoverDue'] === true;
    peer.hasReplicated = record['hasReplicated'] === true;
    peer.returning = Array.isArray(record['returning']) ? record['returning'].filter(isReturnItem) : [];
  }

  /** @returns false when it could not be written yet; it is written as soon as the disk takes it */
  async save(peer: Peer): Promise<boolean> {
    if (peer.name === null) return true;
    const { state, reason, order, announcedMs } = peer.health;
    return this.#records.settle(nameOf(peer.name), {
      name: peer.name,
      state,
      reason,
      order,
      announcedMs: announcedMs === Infinity ? SWITCHED_OFF : announcedMs,
      since: isoTime(peer.sinceMs),
      lastHeartbeatAt: peer.lastHeartbeatMs === null ? null : isoTime(peer.lastHeartbeatMs),
      lastReplicatedAt: peer.lastReplicatedMs === null ? null : isoTime(peer.lastReplicatedMs),
      transitions: peer.transitions,
      commandDue: peer.isCommandDue,
      hasReplicated: peer.hasReplicated,
      returning: peer.returning,
    });
  }
}

function nameOf(peer: string): string {
  return `peers/${recordSegment(peer)}`;
}

function asRecord(value: unknown): Record<string, unknown> | null {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
}

function wallOf(value: unknown): number | null {
  const ms = typeof value === 'string' ? Date.parse(value) : NaN;
  return Number.isNaN(ms) ? null : ms;
}

const STATES: readonly unknown[] = ['unknown', 'up', 'suspect', 'down', 'left'] satisfies PeerHealth['state'][];
/** JSON has no Infinity: what a peer announces that sends no heartbeats. */
const SWITCHED_OFF = 'off';
const REASONS: readonly unknown[] = [
  'silence',
  'one-way',
  'application-critical',
  'refused',
  null,
] satisfies PeerHealth['reason'][];

function remembered(record: Record<string, unknown>): RememberedPeer | null {
  const { state, reason } = record;
  if (!STATES.includes(state) || !REASONS.includes(reason)) return null;
  const order = asRecord(record['order']);
  const incarnation = order?.['incarnation'];
  const heartbeatCnt = order?.['heartbeatCnt'];
  return {
    state: state as PeerHealth['state'],
    reason: reason as PeerHealth['reason'],
    order: typeof incarnation === 'number' && typeof heartbeatCnt === 'number' ? { incarnation, heartbeatCnt } : null,
    announcedMs: announcedOf(record['announcedMs']),
  };
}

function announcedOf(value: unknown): number {
  if (value === SWITCHED_OFF) return Infinity;
  return typeof value === 'number' && value >= 0 ? value : 0;
}

function isReturnItem(value: unknown): value is ReturnItem {
  const item = asRecord(value);
  return (
    item !== null &&
    typeof item['returnId'] === 'string' &&
    typeof item['total'] === 'number' &&
    typeof item['workload'] === 'string' &&
    typeof item['origin'] === 'string' &&
    typeof item['version'] === 'number'
  );
}
