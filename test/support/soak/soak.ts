import { setMaxListeners } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { untilShown } from '../seen.ts';
import { Stage } from '../stage.ts';
import { Faults } from './faults.ts';
import { CALM_FILES, calmFootprintOf, checkFootprint } from './footprint.ts';
import { faultText, planOf, type Part } from './plan.ts';
import { Owners } from './owners.ts';
import { pause, PostCounts, Poster } from './poster.ts';
import type { Footprint, Report } from './report.ts';
import { Seeded } from './seeded.ts';
import { Site, type StoreKind } from './site.ts';
import { checkOrigin, checkStory } from './verdict.ts';
import { Watcher } from './watcher.ts';

export interface SoakOptions {
  readonly minutes: number;
  readonly seed: number;
  readonly store: StoreKind;
  /** Takes the plan first, then each fault when it begins. */
  readonly tell: (line: string) => void;
}

/** Origins at dc1; some at dc2 too, under the same names, so that each is sender and receiver. */
const ORIGINS = 20;
const ORIGINS_BACK = 4;
/** How long everything may take to be well again once nothing is broken any more. */
const SETTLE_MS = 120_000;
const MOST_PROBLEMS = 50;

/**
 * Posts random snapshots to two gateways while both, their database and the line between them are killed, stopped and
 * cut at random; then lets everything settle and looks whether anything was lost. Never rejects for what it finds: that is in
 * the report.
 */
export async function soak(options: SoakOptions): Promise<Report> {
  const stage = new Stage();
  const folder = mkdtempSync(join(tmpdir(), 'crossdc-soak-'));
  const run = new Run(options, folder);
  try {
    return await run.all(stage);
  } finally {
    await stage.close();
    if (run.problems.length === 0) rmSync(folder, { recursive: true, force: true });
  }
}

class Run {
  readonly problems: string[] = [];
  readonly #options: SoakOptions;
  readonly #folder: string;
  readonly #startedAt = performance.now();
  readonly #counts = new PostCounts();
  readonly #footprints: Record<string, { end: Footprint; fresh: Footprint }> = {};
  #problemCount = 0;
  #settledMs = 0;
  #comparedOrigins = 0;
  #comparedBytes = 0;

  constructor(options: SoakOptions, folder: string) {
    this.#options = options;
    this.#folder = folder;
  }

  async all(stage: Stage): Promise<Report> {
    const { minutes, seed, store, tell } = this.#options;
    const random = new Seeded(String(seed));
    const parts: readonly Part[] = ['dc1', 'dc2', 'line', ...(store === 'file' ? [] : ['database' as const])];
    const plan = planOf(random.fork('plan'), minutes, parts);
    for (const fault of plan) tell(faultText(fault));

    const site = await Site.open(stage, { folder: this.#folder, store, complain: this.#complain });
    const posters = this.#posters(site, random);
    const owners = new Owners(this.#complain);
    const watchers = this.#watchers(site, posters, owners);
    const faults = new Faults(site, this.#complain, (line) => tell(`${this.#clock()} begins: ${line.trim()}`));
    const [posting, watching] = [new AbortController(), new AbortController()];
    setMaxListeners(0, posting.signal);
    const watched = Promise.all(watchers.map((watcher) => watcher.run(watching.signal)));
    const posted = Promise.all(posters.map((poster) => poster.run(posting.signal)));
    await Promise.all([faults.run(plan, posting.signal), pause(minutes * 60_000, posting.signal)]);
    posting.abort();
    await posted;
    tell(`${this.#clock()} nothing is broken any more`);

    await this.#attempt('settling', async () => {
      await this.#settle(site, owners);
      watching.abort();
      await watched;
      await this.#compare(site, posters);
      // What was taken over meanwhile is at home again, and goes on there.
      await Promise.all(posters.map((poster) => poster.goOn()));
      await this.#weigh(site, owners);
      await this.#compare(site, posters);
    });
    watching.abort();
    await watched;
    for (const gateway of site.gateways) checkStory(gateway, this.#complain);
    for (const gateway of site.gateways) gateway.release();
    if (this.problems.length > 0) site.writeLogs();
    return this.#report(site, { faults, watchers, owners });
  }

  readonly #complain = (problem: string): void => {
    this.#problemCount += 1;
    if (this.problems.length < MOST_PROBLEMS) this.problems.push(problem);
    this.#options.tell(`${this.#clock()} PROBLEM: ${problem}`);
  };

  #posters(site: Site, random: Seeded): Poster[] {
    const poster = (gateway: 'dc1' | 'dc2', n: number): Poster =>
      new Poster(site.gateway(gateway).process, {
        // Names as people give them: each gateway must encode what the other decodes.
        origin: n % 5 === 0 ? `part ${n}/%2e é` : `origin-${n}`,
        random: random.fork(`${gateway}/${n}`),
        counts: this.#counts,
        complain: this.#complain,
      });
    return [
      ...Array.from({ length: ORIGINS }, (_, n) => poster('dc1', n)),
      ...Array.from({ length: ORIGINS_BACK }, (_, n) => poster('dc2', n)),
    ];
  }

  #watchers(site: Site, posters: readonly Poster[], owners: Owners): Watcher[] {
    const ledgers = new Map(posters.map(({ gateway, ledger }) => [`${gateway.name}/${ledger.origin}`, ledger]));
    return site.gateways.map(
      (gateway) =>
        new Watcher(gateway, {
          peer: site.peerOf(gateway).name,
          wasPosted: (workload, origin, digest) => ledgers.get(`${workload}/${origin}`)?.wasPosted(digest) === true,
          owners,
          complain: this.#complain,
        }),
    );
  }

  /** Both are ready, see each other, owe each other nothing, and do their own work. */
  async #settle(site: Site, owners: Owners): Promise<void> {
    const from = performance.now();
    for (const gateway of site.gateways) {
      const peer = site.peerOf(gateway).name;
      let shown = '';
      const probe = async (): Promise<true | undefined> => {
        const { status, checks } = await gateway.process.readiness();
        const view = await gateway.process.peer(peer);
        const unsettled = await owners.unsettled(gateway.process);
        shown = JSON.stringify({ status, checks, view, unsettled });
        const isInStep = status === 200 && view.state === 'up' && view.replication.pending === 0;
        return isInStep && unsettled === null ? true : undefined;
      };
      await untilShown(`${gateway.name} is ready and in step with ${peer}`, probe, SETTLE_MS).catch(
        (error: unknown) => {
          throw new Error(`${String(error)}: ${shown}`);
        },
      );
    }
    this.#settledMs = performance.now() - from;
  }

  async #compare(site: Site, posters: readonly Poster[]): Promise<void> {
    this.#comparedOrigins = 0;
    this.#comparedBytes = 0;
    for (const poster of posters) {
      const peer = poster.gateway.name === 'dc1' ? site.dc2 : site.dc1;
      this.#comparedBytes += await checkOrigin(poster, peer.process, this.#complain);
      this.#comparedOrigins += 1;
    }
  }

  /** What each takes of its machine after all that, and what one takes that has only just started on the same state. */
  async #weigh(site: Site, owners: Owners): Promise<void> {
    const ends = new Map<string, Footprint>();
    for (const { name, process } of site.gateways) ends.set(name, await calmFootprintOf(process, CALM_FILES));
    for (const gateway of site.gateways) {
      await gateway.stop();
      await gateway.start();
    }
    await this.#settle(site, owners);
    for (const { name, process } of site.gateways) {
      const fresh = await calmFootprintOf(process, CALM_FILES);
      const footprint = { end: ends.get(name) ?? fresh, fresh };
      this.#footprints[name] = footprint;
      checkFootprint(name, footprint, this.#complain);
    }
  }

  async #attempt(what: string, work: () => Promise<void>): Promise<void> {
    await work().catch((error: unknown) => this.#complain(`${what}: ${String(error)}`));
  }

  #report(
    site: Site,
    { faults, watchers, owners }: { faults: Faults; watchers: readonly Watcher[]; owners: Owners },
  ): Report {
    const { minutes, seed, store } = this.#options;
    const counts = this.#counts;
    const sum = (of: (watcher: Watcher) => number): number => watchers.reduce((total, each) => total + of(each), 0);
    const events = (type: 'snapshot-replicated' | 'peer-down' | 'takeover-completed' | 'store-error'): number =>
      site.gateways.reduce((total, { process }) => total + process.events.of(type).length, 0);
    return {
      verdict: this.#problemCount === 0 ? 'ok' : 'failed',
      seed,
      minutes,
      store,
      seconds: Math.round((performance.now() - this.#startedAt) / 1000),
      settledSeconds: Math.round(this.#settledMs / 100) / 10,
      posts: counts.posts,
      accepted: counts.outcomes.of('accepted'),
      acceptedBytes: counts.acceptedBytes,
      withdrawals: counts.withdrawals,
      refused: counts.outcomes.of('refused'),
      uncertain: counts.outcomes.of('uncertain'),
      answers: counts.codes.toJSON(),
      faults: Object.fromEntries(Object.entries(faults.done).map(([part, tally]) => [part, tally.toJSON()])),
      starts: Object.fromEntries(
        site.gateways.map(({ name, process }) => [name, process.logged('the gateway runs').length]),
      ),
      replicated: events('snapshot-replicated'),
      deaths: events('peer-down'),
      ownerChanges: events('takeover-completed'),
      conflicts: owners.conflicts,
      absorbed: sum((watcher) => watcher.absorbed),
      storeErrors: events('store-error'),
      polls: sum((watcher) => watcher.polls),
      reads: sum((watcher) => watcher.reads),
      comparedOrigins: this.#comparedOrigins,
      comparedBytes: this.#comparedBytes,
      footprints: this.#footprints,
      problems: this.problems,
      problemCount: this.#problemCount,
      folder: this.#problemCount === 0 ? null : this.#folder,
    };
  }

  #clock(): string {
    return `${((performance.now() - this.#startedAt) / 1000).toFixed(1)} s`;
  }
}
