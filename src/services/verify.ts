import type { PeerRow } from '../core/replication-plan.ts';
import { keyText, type SnapshotKey, type StoredSnapshot } from '../core/snapshot.ts';
import { GatewayError, messageOf } from '../errors.ts';
import type { VerifyRow } from '../ports/ownership-api.ts';
import type { PeerTransport } from '../ports/peer-transport.ts';
import type { Context } from './context.ts';
import type { OwnSnapshots } from './own-snapshots.ts';
import type { Peer } from './peer.ts';
import { bounded } from './wake.ts';

/** One of ours as it was before the peer was asked: what goes out while it answers is no difference. */
interface WentOut {
  readonly row: StoredSnapshot;
  /** We believed that the peer has it. */
  readonly isThere: boolean;
}

/** Asks a peer for its index of what it holds of ours, and compares: by hand, and whatever the digests of the answers say. */
export class Verify {
  readonly #context: Context;
  readonly #transport: PeerTransport;
  readonly #own: OwnSnapshots;

  constructor(context: Context, parts: { transport: PeerTransport; own: OwnSnapshots }) {
    this.#context = context;
    this.#transport = parts.transport;
    this.#own = parts.own;
  }

  /**
   * A row for each (workload, origin) of either side, by name. With `repair` what differs is made to go again; it has
   * not arrived when this resolves.
   *
   * @throws GatewayError `peer-unavailable`, `shutting-down`
   */
  async compare(peer: Peer, repair: boolean, signal: AbortSignal): Promise<VerifyRow[]> {
    const before = this.#own.newest().map((row) => ({ row, isThere: peer.plan.has(row.key, row.version) }));
    const theirs = await this.#inventory(peer, signal);
    const rows = this.#compared(before, theirs);
    return repair ? this.#repaired(peer, rows, theirs) : rows;
  }

  async #inventory(peer: Peer, signal: AbortSignal): Promise<readonly PeerRow[]> {
    const { dataCenter } = this.#context.settings;
    const machine = peer.choice.machines[peer.choice.current]?.address;
    if (!peer.isReachable || machine === undefined) {
      const { state, reason } = peer.health;
      const why = reason === null ? '' : ` (${reason})`;
      throw new GatewayError('peer-unavailable', `"${peer.label}" is ${state}${why}; it is asked when it is up.`);
    }
    const bound = bounded(signal, this.#context.tasks.signal);
    try {
      const outcome = await this.#transport.inventory({ machine, dataCenter: peer.name }, dataCenter, bound.signal);
      if (outcome.kind === 'rows') return outcome.rows;
      const { reason, detail } = outcome;
      throw new GatewayError(
        'peer-unavailable',
        `"${peer.label}" is ${peer.health.state}, but ${machine} does not say what it holds: ${reason} (${detail}).`,
      );
    } catch (error) {
      if (!this.#context.tasks.signal.aborted) throw error;
      throw new GatewayError('shutting-down', 'The gateway is shutting down.', { cause: error });
    } finally {
      bound.end();
    }
  }

  #compared(before: readonly WentOut[], theirs: readonly PeerRow[]): VerifyRow[] {
    const { dataCenter } = this.#context.settings;
    const listed = new Map(theirs.map((row) => [keyText({ dataCenter, ...row }), row]));
    const rows = before.map((ours) => this.#row(ours, listed.get(keyText(ours.row.key))));
    const known = new Set(before.map(({ row }) => keyText(row.key)));
    for (const [text, row] of listed) {
      // What is withdrawn or lost there is nothing that we would lack.
      if (known.has(text) || row.fate === 'withdrawn' || row.fate === 'lost') continue;
      const { workload, origin } = row;
      const newest = this.#own.newestOf({ dataCenter, workload, origin });
      rows.push(
        newest === undefined
          ? { workload, origin, state: 'newer', version: 0, peerVersion: row.version, repair: null }
          : this.#row({ row: newest, isThere: false }, row),
      );
    }
    return rows.sort(byWorkloadAndOrigin);
  }

  #row({ row, isThere }: WentOut, theirs: PeerRow | undefined): VerifyRow {
    const { key } = row;
    const newest = this.#own.newestOf(key);
    // Posted, and perhaps sent, while the peer answered.
    if (newest !== undefined && newest.version > row.version && theirs !== undefined && theirs.version > row.version)
      return this.#row({ row: newest, isThere: false }, theirs);
    return {
      workload: key.workload,
      origin: key.origin,
      state: stateOf(row, isThere, theirs),
      version: row.version,
      peerVersion: theirs?.version ?? null,
      repair: null,
    };
  }

  async #repaired(peer: Peer, rows: readonly VerifyRow[], theirs: readonly PeerRow[]): Promise<VerifyRow[]> {
    const { clock, settings } = this.#context;
    const { dataCenter } = settings;
    // What was given up here, because its bytes could not be read once, is not in the plan any more.
    for (const row of this.#own.newest()) peer.plan.offer(row.key, row, clock.now());
    peer.plan.reconcile(theirs, dataCenter, clock.now());
    peer.plan.retryAll(clock.now());
    const repaired: VerifyRow[] = [];
    for (const row of rows) repaired.push({ ...row, repair: await this.#repair(row) });
    peer.shipWake.ring();
    this.#own.progress.notify();
    return repaired;
  }

  async #repair({ workload, origin, state, peerVersion }: VerifyRow): Promise<VerifyRow['repair']> {
    switch (state) {
      case 'same':
        return null;
      case 'missing':
      case 'lost':
      case 'older':
      case 'on-its-way':
        return 'sent-again';
      case 'newer':
      case 'other-bytes': {
        const key: SnapshotKey = { dataCenter: this.#context.settings.dataCenter, workload, origin };
        try {
          // The caller may go away meanwhile: what is begun is finished.
          const outcome = await this.#own.renumber(key, peerVersion ?? 0, this.#context.tasks.signal);
          return outcome === 'theirs' ? 'not-possible' : outcome === 'superseded' ? 'sent-again' : 'renumbered';
        } catch (error) {
          this.#context.log.warn({ workload, origin, error: messageOf(error) }, 'an own snapshot cannot be renumbered');
          return 'failed';
        }
      }
    }
  }
}

function stateOf(ours: StoredSnapshot, isThere: boolean, theirs: PeerRow | undefined): VerifyRow['state'] {
  if (theirs === undefined) return isThere ? 'missing' : 'on-its-way';
  if (theirs.version > ours.version) return 'newer';
  if (theirs.fate === 'lost') return 'lost';
  if (theirs.version < ours.version) return isThere ? 'older' : 'on-its-way';
  return theirs.sha256 === ours.sha256 ? 'same' : 'other-bytes';
}

function byWorkloadAndOrigin(a: VerifyRow, b: VerifyRow): number {
  if (a.workload !== b.workload) return a.workload < b.workload ? -1 : 1;
  return a.origin < b.origin ? -1 : a.origin > b.origin ? 1 : 0;
}
