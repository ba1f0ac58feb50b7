import type { PeerView, StatusView } from '../../../src/ports/gateway-api.ts';
import { fakeForeignRow, fakeRow } from '../../support/fake-ownership.ts';

/** The moment at which the tests look. */
export const NOW = Date.parse('2026-01-02T03:05:00.000Z');

export function peerView(more: Partial<PeerView> = {}): PeerView {
  return {
    name: 'dc2',
    state: 'up',
    reason: null,
    since: '2026-01-02T03:00:00.000Z',
    lastHeartbeatAt: '2026-01-02T03:04:59.500Z',
    lastHeartbeatCnt: 12,
    incarnation: 5,
    missed: 0,
    rttMs: 1.5,
    clockSkewSeconds: 0.2,
    hearsUs: true,
    application: { status: 'passing' },
    machines: [{ address: '127.0.0.1:25191', ok: true, lastError: null }],
    held: { origins: 3, bytes: 4096, newestTakenAt: null },
    replication: { pending: 0, oldestPendingSince: null },
    sync: { inSync: true, behindVersions: 0, behindSeconds: 0, lastReplicatedAt: null },
    transitions: 0,
    incarnations: 1,
    blockedBy: null,
    ...more,
  };
}

export function statusView(more: Partial<StatusView> = {}): StatusView {
  return {
    dataCenter: 'dc1',
    application: { name: 'orders', status: 'passing' },
    mode: 'active',
    version: '0.1.0',
    startedAt: '2026-01-02T02:00:00.000Z',
    incarnation: 1_767_000_000_000,
    peers: [peerView()],
    outgoing: { origins: 2, bytes: 2048, pending: 1, newestTakenAt: '2026-01-02T03:04:50.000Z' },
    ownership: [fakeRow({ since: '2026-01-02T03:00:00.000Z' }), fakeForeignRow({ since: '2026-01-02T02:00:00.000Z' })],
    deliveries: { open: 0 },
    store: { kind: 'file', ok: true },
    scrub: { state: 'off', startedAt: null, completedAt: null, verified: 0, bytes: 0, damaged: 0 },
    ownPauses: { count: 0, longestSeconds: 0, lastAt: null },
    failoverCommand: { state: 'none' },
    shuttingDown: false,
    ...more,
  };
}
