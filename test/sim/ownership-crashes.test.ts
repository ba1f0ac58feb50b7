import { expect } from 'chai';
import { moveRequest } from './move-request.ts';
import type { SimGateway } from './sim-gateway.ts';
import { SimWorld } from './sim-world.ts';

/** Every change of owner here is of the workload of dc1. */
const WORKLOAD = 'dc1';
const ORIGINS = ['orders', 'audit'];
const SEED = 7;
/** Shorter than a death, and longer. */
const BRIEFLY_MS = 2000;
const LONG_MS = 12_000;
/** Until everything that can happen has happened. */
const SETTLED_MS = 45_000;
/** Beyond a brief kill in the last step of a change of owner. */
const LOAD_MS = 8000;
const SETTINGS = { requestTimeoutMs: 10_000, releaseTimeoutMs: 1000 };

interface Play {
  readonly world: SimWorld;
  /** Instants at which two gateways would have answered 200. */
  readonly doubles: string[];
}

interface Kill {
  readonly victim: string;
  /** The change on its disk, counted from the beginning of the change of owner. */
  readonly write: number;
  readonly moment: 'before' | 'after';
  readonly forMs: number;
}

/** A change of owner, from a settled world on. */
interface Scene {
  readonly name: string;
  /** Whose disks are struck. */
  readonly victims: readonly string[];
  readonly downtimes: readonly number[];
  /** Who owns the work before, and who in the end; where it may stay, a repeated command brings it there. */
  readonly from: string;
  readonly to: string;
  readonly isPlanned: boolean;
  prepare(): Promise<Play>;
  begin(play: Play): void;
}

/** Two gateways whose disks take a little time, so that there is a moment between any two steps. */
async function pair(): Promise<Play> {
  const world = new SimWorld({ seed: SEED, settings: SETTINGS });
  const play = { world, doubles: [] as string[] };
  await world.begin();
  for (const gateway of world.gateways) {
    Object.assign(gateway.pace, { latencyMs: 2, jitterMs: 6 });
    gateway.application.whenAsked = ({ workload = gateway.name }) => {
      if (workload === WORKLOAD) for (const origin of ORIGINS) gateway.application.post(origin, 20, workload);
    };
  }
  for (const origin of ORIGINS) world.gateway('dc1').application.post(origin);
  await world.run(2000);
  expect(world.gateway('dc2').rows('held')).to.have.length(2);
  return play;
}

function watchPrimaries({ world, doubles }: Play): void {
  const judged = world.timeline.onStep;
  world.timeline.onStep = () => {
    judged();
    const primary = world.gateways.filter((one) => one.isRunning && isPrimary(one)).map(({ name }) => name);
    if (primary.length > 1) doubles.push(`${world.timeline.now}: ${primary.join()}`);
  };
}

function isPrimary(gateway: SimGateway): boolean {
  return gateway.gateway?.api.ownership.serving(WORKLOAD).notPrimaryBecause === null;
}

function ownerOf(gateway: SimGateway): { owner: string; epoch: number } | null {
  const row = gateway.gateway?.api.ownership.serving(WORKLOAD).row;
  return row === undefined ? null : { owner: row.owner, epoch: row.epoch };
}

function move({ world }: Play, at: string, to: string): void {
  // A gateway that is killed while it is asked answers nobody.
  world
    .gateway(at)
    .gateway?.api.ownership.move(moveRequest(WORKLOAD, to))
    .catch(() => undefined);
}

/** The application of the owner posts all the time, whether or not it is asked to let go. */
function load({ world }: Play, at: string): void {
  const { application } = world.gateway(at);
  const until = world.timeline.now + LOAD_MS;
  const post = (): void => {
    for (const origin of ORIGINS) application.post(origin, 30, WORKLOAD);
    if (world.timeline.now < until) world.timeline.after(97, null, post);
  };
  post();
}

const SCENES: readonly Scene[] = [
  {
    name: 'a takeover',
    victims: ['dc2'],
    downtimes: [BRIEFLY_MS, LONG_MS],
    from: 'dc1',
    to: 'dc2',
    isPlanned: false,
    prepare: pair,
    begin: ({ world }) => {
      world.gateway('dc1').kill();
    },
  },
  {
    name: 'a switchover under load',
    victims: ['dc1', 'dc2'],
    downtimes: [BRIEFLY_MS, LONG_MS],
    from: 'dc1',
    to: 'dc2',
    isPlanned: true,
    prepare: pair,
    begin: (play) => {
      load(play, 'dc1');
      move(play, 'dc1', 'dc2');
    },
  },
  {
    name: 'a fail-back under load',
    victims: ['dc1', 'dc2'],
    downtimes: [BRIEFLY_MS, LONG_MS],
    from: 'dc2',
    to: 'dc1',
    isPlanned: true,
    prepare: async () => {
      const play = await pair();
      const { world } = play;
      world.gateway('dc1').kill();
      await world.run(20_000);
      world.gateway('dc1').start();
      await world.run(10_000);
      for (const gateway of world.gateways) expect(ownerOf(gateway)?.owner).to.equal('dc2');
      return play;
    },
    begin: (play) => {
      load(play, 'dc2');
      move(play, 'dc1', 'dc1');
    },
  },
];

/** Plays a scene with one kill. @returns what was wrong in the end, a line for each */
async function play(scene: Scene, kill: Kill): Promise<string[]> {
  const played = await scene.prepare();
  const { world, doubles } = played;
  const victim = world.gateway(kill.victim);
  let writes = 0;
  const struck = { is: false };
  victim.disk.around = (moment) => {
    if (moment === 'before') writes += 1;
    if (struck.is || moment !== kill.moment || writes !== kill.write) return;
    struck.is = true;
    victim.kill();
    world.timeline.after(kill.forMs, null, () => {
      victim.start();
    });
  };
  watchPrimaries(played);
  scene.begin(played);
  const wrong: string[] = [];
  await world.run(SETTLED_MS);
  if (!struck.is) wrong.push('it was never killed');
  wrong.push(...(await judge(scene, played, kill)));
  wrong.push(...doubles.slice(0, 1).map((double) => `two primaries at ${double}`));
  return wrong;
}

async function judge(scene: Scene, played: Play, kill: Kill): Promise<string[]> {
  const { world } = played;
  const wrong: string[] = [];
  const running = world.gateways.filter((one) => one.isRunning);
  let owners = running.map(ownerOf);
  // What was rolled back, or never begun, is begun again; what a death has undone, too.
  if (owners[0]?.owner === scene.from && scene.isPlanned) {
    if (!isPrimary(world.gateway(scene.from))) wrong.push(`${scene.from} owns it still, and does not serve it`);
    move(played, scene.from, scene.to);
    await world.run(SETTLED_MS);
    owners = running.map(ownerOf);
  }
  const wanted = { owner: scene.to, epoch: owners[0]?.epoch };
  for (const owner of owners)
    if (JSON.stringify(owner) !== JSON.stringify(wanted)) wrong.push(`owners: ${JSON.stringify(owners)}`);
  const to = world.gateway(scene.to);
  if (!isPrimary(to))
    wrong.push(`${scene.to} does not serve it: ${to.gateway?.api.ownership.serving(WORKLOAD).notPrimaryBecause ?? ''}`);
  for (const gateway of running) {
    const open = gateway.gateway?.api.deliveries('open') ?? [];
    if (open.length > 0) wrong.push(`${gateway.name} has a delivery that was forgotten`);
  }
  const completed = world.oracle.events.filter(
    ({ gateway, event }) => gateway === scene.to && event.type === 'takeover-completed' && event.epoch === wanted.epoch,
  );
  if (completed.length === 0) wrong.push('nobody told its application to begin');
  // After a death in between the work goes on from what there was.
  if (scene.isPlanned && kill.forMs === BRIEFLY_MS) wrong.push(...lost(scene, played));
  return wrong;
}

/** What the owner before had accepted, and of which the application of the new one has nothing as new. */
function lost(scene: Scene, { world }: Play): string[] {
  const { absorbed } = world.gateway(scene.to).application;
  return [...world.gateway(scene.from).application.newestAccepted.values()]
    .filter(({ workload }) => workload === WORKLOAD)
    .filter(({ origin, version }) => !absorbed.some((row) => row.origin === origin && row.version >= version))
    .map(({ origin, version }) => `${origin}@${version} was accepted and is lost`);
}

/** How many changes each victim's disk has, until the change of owner is over. */
async function reference(scene: Scene): Promise<Map<string, number>> {
  const played = await scene.prepare();
  const { world } = played;
  const counts = new Map<string, number>();
  let isOver = false;
  for (const name of scene.victims) {
    counts.set(name, 0);
    world.gateway(name).disk.around = (moment) => {
      if (moment === 'before' && !isOver) counts.set(name, (counts.get(name) ?? 0) + 1);
    };
  }
  world.oracle.onEvent = (gateway, event) => {
    // Its record and its place in the history follow the event.
    if (gateway.name === scene.to && event.type === 'takeover-completed')
      world.timeline.after(100, null, () => (isOver = true));
  };
  watchPrimaries(played);
  scene.begin(played);
  await world.run(SETTLED_MS);
  expect(isOver, 'it came to its end').to.equal(true);
  expect(played.doubles).to.deep.equal([]);
  for (const gateway of world.gateways.filter((one) => one.isRunning))
    expect(ownerOf(gateway)?.owner).to.equal(scene.to);
  if (scene.isPlanned) expect(lost(scene, played)).to.deep.equal([]);
  return counts;
}

describe('kill -9 before and after every change on the disk of either gateway', () => {
  for (const scene of SCENES) {
    it(`during ${scene.name}: it comes to the same end`, async function () {
      this.timeout(600_000);
      const counts = await reference(scene);
      const failures: string[] = [];
      let points = 0;
      for (const victim of scene.victims) {
        for (let write = 1; write <= (counts.get(victim) ?? 0); write += 1) {
          for (const moment of ['before', 'after'] as const) {
            for (const forMs of scene.downtimes) {
              points += 1;
              const wrong = await play(scene, { victim, write, moment, forMs });
              failures.push(...wrong.map((line) => `${victim} ${moment} write ${write}, for ${forMs} ms: ${line}`));
            }
          }
        }
      }
      const writes = [...counts].map(([name, count]) => `${name} ${count}`).join(', ');
      console.log(`      kill points: ${points} (writes: ${writes})`);
      expect(points).to.be.above(20);
      expect(failures).to.deep.equal([]);
    });
  }
});
