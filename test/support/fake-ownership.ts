import type { OwnershipRow } from '../../src/core/ownership.ts';
import { GatewayError } from '../../src/errors.ts';
import type { HistoryEntry, MoveRequest, OwnershipApi, OwnershipView } from '../../src/ports/ownership-api.ts';
import type { MovePlan } from '../../src/wire/ownership.ts';

const AT = '2026-01-02T03:04:05.678Z';

/** A row of dc1 as dc1 sees it: it owns its own work, and serves it. */
export function fakeRow(more: Partial<OwnershipView> = {}): OwnershipView {
  return {
    workload: 'dc1',
    owner: 'dc1',
    epoch: 1,
    since: AT,
    reason: 'initial',
    local: { attached: true, applicationStatus: 'passing' },
    primary: true,
    notPrimaryBecause: null,
    behind: { versions: 0, seconds: 0 },
    contestedBy: null,
    conflict: null,
    takeover: null,
    move: null,
    blockedBy: null,
    blockedUntil: null,
    ...more,
  };
}

/** A row of dc2 as dc1 sees it. */
export function fakeForeignRow(more: Partial<OwnershipView> = {}): OwnershipView {
  return fakeRow({
    workload: 'dc2',
    owner: 'dc2',
    primary: false,
    notPrimaryBecause: 'owned by "dc2" (epoch 1)',
    behind: null,
    ...more,
  });
}

export function fakePlan(more: Partial<MovePlan> = {}): MovePlan {
  return {
    workload: 'dc1',
    kind: 'switchover',
    from: 'dc1',
    to: 'dc2',
    epoch: 1,
    nextEpoch: 2,
    forced: false,
    checks: [
      { check: 'owner', ok: true, detail: '"dc1" owns it' },
      { check: 'target', ok: true, detail: '"dc2" is up' },
    ],
    steps: ['"dc1" asks its application for fresh snapshots', '"dc1" gives the work to "dc2" under epoch 2'],
    losses: [],
    ...more,
  };
}

/** Rows that a test sets, and what was asked of them. */
export class FakeOwnership implements OwnershipApi {
  list: OwnershipView[] = [fakeRow(), fakeForeignRow()];
  plan: MovePlan = fakePlan();
  readonly asked: MoveRequest[] = [];
  readonly releasedOnes: string[] = [];
  readonly acknowledged: { readonly workload: string; readonly actor: string }[] = [];
  entries: HistoryEntry[] = [];
  /** Thrown by whatever changes something; with `move` also for a plan alone. */
  refusal: GatewayError | null = null;

  rows(): readonly OwnershipView[] {
    return this.list;
  }

  row(workload: string): OwnershipView {
    const row = this.list.find((known) => known.workload === workload);
    if (row === undefined) throw new GatewayError('not-found', `No workload is called "${workload}".`);
    return row;
  }

  serving(workload: string): { row: OwnershipRow; notPrimaryBecause: string | null } {
    const { owner, epoch, since, reason, notPrimaryBecause } = this.row(workload);
    return { row: { workload, owner, epoch, since, reason }, notPrimaryBecause };
  }

  move(request: MoveRequest): Promise<MovePlan> {
    this.asked.push(request);
    return this.#answer(request.workload, this.plan);
  }

  async released(workload: string): Promise<void> {
    await this.#answer(workload, null);
    this.releasedOnes.push(workload);
  }

  async acknowledge(workload: string, actor: string): Promise<void> {
    await this.#answer(workload, null);
    this.acknowledged.push({ workload, actor });
  }

  history(after: number, limit: number): Promise<readonly HistoryEntry[]> {
    return Promise.resolve(this.entries.filter(({ id }) => id > after).slice(0, limit));
  }

  async #answer<T>(workload: string, value: T): Promise<T> {
    await Promise.resolve();
    this.row(workload);
    if (this.refusal !== null) throw this.refusal;
    return value;
  }
}
