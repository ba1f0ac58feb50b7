import type { StoredSnapshot } from '../core/snapshot.ts';
import type { Watermarks } from '../core/watermarks.ts';
import { GatewayError } from '../errors.ts';
import type { RestoreCandidate, RestoreView } from '../ports/ownership-api.ts';
import type { SnapshotReader, SnapshotStore } from '../ports/snapshot-store.ts';
import type { Context } from './context.ts';
import type { Damage } from './damage.ts';
import type { HeldSnapshots } from './held-snapshots.ts';

type Source = RestoreCandidate['source'];

/** Which of several copies of one version is named first: the one that is nearest. */
const SOURCES: readonly Source[] = ['own', 'returned', 'held'];

export interface KnownOwnership {
  readonly owner: string;
  readonly epoch: number;
  /** We owned it, and do not any more. */
  readonly wasOurs: boolean;
  /** Who owned it before its owner; null while nobody did. */
  readonly before: string | null;
}

export interface RestoreParts {
  readonly own: SnapshotStore;
  readonly returned: SnapshotStore;
  readonly held: HeldSnapshots;
  readonly damage: Damage;
  /** Who has the work now; undefined for what is neither our workload nor a peer's. */
  readonly ownershipOf: (workload: string) => KnownOwnership | undefined;
  readonly ownWatermarks: () => Watermarks;
  /** Those of them that were put since we own the workload under this epoch. */
  readonly ownWatermarksOf: (workload: string, epoch: number) => Watermarks;
  /** A peer's last word; undefined for what is no peer, or one that never said any. */
  readonly watermarksOf: (dataCenter: string) => Watermarks | undefined;
}

/**
 * What an application starts from: everything that is stored here of a workload and can be offered, the newest first,
 * wherever it came from, and how far the work had got. Nothing is decided here, and nothing changes by reading it.
 */
export class Restore {
  readonly #context: Context;
  readonly #parts: RestoreParts;

  constructor(context: Context, parts: RestoreParts) {
    this.#context = context;
    this.#parts = parts;
  }

  /** @throws GatewayError `not-found` for a workload of which nobody knows, `store-unavailable` while it is not known what is held */
  view(workload = this.#context.settings.dataCenter): RestoreView {
    const { dataCenter: self } = this.#context.settings;
    this.#parts.held.assertKnown();
    const rows = this.#rows(workload);
    const known = this.#parts.ownershipOf(workload);
    if (known === undefined && rows.length === 0)
      throw new GatewayError('not-found', `No data centre is called "${workload}", and nothing of it is stored here.`, {
        field: 'workload',
      });
    // Of a workload that only the stores remember everybody's first row would say just that.
    const ownership = known ?? { owner: workload, epoch: 1, wasOurs: false, before: null };
    const { owner, epoch, wasOurs } = ownership;
    // Only who owns a workload takes snapshots of it from its application.
    const hasOwned = workload === self || wasOurs || rows.some(({ source }) => source === 'own');
    return {
      workload,
      owner,
      epoch,
      superseded: owner !== self && hasOwned,
      origins: originsOf(rows),
      watermarks: this.#watermarks(workload, ownership, hasOwned),
    };
  }

  /** A version that a peer gave back to us. @throws GatewayError `not-found`, `snapshot-damaged` */
  openReturned(which: {
    readonly origin: string;
    readonly workload: string | undefined;
    readonly dataCenter: string;
    readonly version: number;
  }): Promise<SnapshotReader> {
    const { origin, dataCenter, version } = which;
    const workload = which.workload ?? this.#context.settings.dataCenter;
    return this.#parts.damage.open(this.#parts.returned, { dataCenter, workload, origin }, version);
  }

  /** One of our own by its number, also of a workload that another data centre owns by now: reading moves nothing. */
  openOwn(which: {
    readonly origin: string;
    readonly workload: string | undefined;
    readonly version: number;
  }): Promise<SnapshotReader> {
    const { dataCenter } = this.#context.settings;
    const { origin, workload = dataCenter, version } = which;
    return this.#parts.damage.open(this.#parts.own, { dataCenter, workload, origin }, version);
  }

  #rows(workload: string): Found[] {
    const { dataCenter: self } = this.#context.settings;
    const { own, returned, held } = this.#parts;
    const stores = { own: own.rows(self), returned: returned.rows(), held: held.store.rows() };
    return SOURCES.flatMap((source) =>
      stores[source].filter((row) => row.key.workload === workload).map((row) => ({ source, row })),
    );
  }

  /**
   * The words of all who did the work or do it: of its home, of us where we owned it, of who owned it last, of its owner.
   * Of one name the last of them counts, whatever its number is: an application that starts from an older state goes back
   * with its watermarks. What we said ourselves before it became ours is older than what its owner until then said.
   */
  #watermarks(workload: string, { owner, epoch, before }: KnownOwnership, hasOwned: boolean): Watermarks {
    const { dataCenter: self } = this.#context.settings;
    const { ownWatermarks, ownWatermarksOf, watermarksOf } = this.#parts;
    const former = [workload, ...(hasOwned ? [self] : []), ...(before === null ? [] : [before])];
    const said = former.map((name) => (name === self ? ownWatermarks() : (watermarksOf(name) ?? {})));
    said.push(owner === self ? ownWatermarksOf(workload, epoch) : (watermarksOf(owner) ?? {}));
    return said.reduce<Watermarks>((all, one) => ({ ...all, ...one }), {});
  }
}

interface Found {
  readonly source: Source;
  readonly row: StoredSnapshot;
}

/** By origin. One whose newest word anywhere is a withdrawal has no candidates, and one that has none is left out. */
function originsOf(found: readonly Found[]): RestoreView['origins'] {
  const byOrigin = new Map<string, Found[]>();
  for (const one of found) {
    const { origin } = one.row.key;
    const others = byOrigin.get(origin);
    if (others === undefined) byOrigin.set(origin, [one]);
    else others.push(one);
  }
  return [...byOrigin]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([origin, rows]) => ({ origin, candidates: candidatesOf(rows) }))
    .filter(({ candidates }) => candidates.length > 0);
}

function candidatesOf(found: readonly Found[]): RestoreCandidate[] {
  const withdrawn = Math.max(0, ...found.filter(({ row }) => row.withdrawn).map(({ row }) => row.version));
  return found
    .filter(({ row }) => row.place === 'live' && !row.withdrawn && row.version > withdrawn)
    .sort(newestThenNearest)
    .map(candidateOf);
}

function newestThenNearest(a: Found, b: Found): number {
  const byPlace = SOURCES.indexOf(a.source) - SOURCES.indexOf(b.source);
  const [from, to] = [a.row.key.dataCenter, b.row.key.dataCenter];
  return b.row.version - a.row.version || byPlace || (from < to ? -1 : from > to ? 1 : 0);
}

function candidateOf({ source, row }: Found): RestoreCandidate {
  const { key, version, takenAt, position, labels, bytes, sha256 } = row;
  return {
    source,
    dataCenter: key.dataCenter,
    version,
    takenAt,
    position,
    labels,
    bytes,
    sha256,
    href: hrefOf(source, row),
  };
}

/** The workload is always named: what it would be otherwise may change while the application reads. */
function hrefOf(source: Source, { key, version }: StoredSnapshot): string {
  const { dataCenter, workload, origin } = key;
  const query = `?version=${version}&workload=${encodeURIComponent(workload)}`;
  switch (source) {
    case 'own':
      return `/v1/snapshots/${encodeURIComponent(origin)}${query}`;
    case 'returned':
      return `/v1/returned/${encodeURIComponent(origin)}${query}&dataCenter=${encodeURIComponent(dataCenter)}`;
    case 'held':
      return `/v1/peers/${encodeURIComponent(dataCenter)}/snapshots/${encodeURIComponent(origin)}${query}`;
  }
}
