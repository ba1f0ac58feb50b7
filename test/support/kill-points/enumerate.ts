import { expect } from 'chai';
import type { GatewayProcess } from '../gateway-process.ts';
import type { KillPoints } from './kill-points.ts';

/**
 * Something that a gateway does, step after step, told on a fresh origin each time. `T` is what is known from outside:
 * what was sent, and above all what was answered.
 */
export interface Story<T> {
  readonly title: string;
  /** Brings about what the story begins with; nothing is killed yet. */
  prepare(origin: string): Promise<T>;
  /** The story itself, to where nothing of it is under way any more. */
  act(told: T): Promise<void>;
  /** After the restart, or after a story that ended well: what was promised holds, and it goes on. */
  verify(told: T): Promise<void>;
  /** Points that must be among those of the story, so that the enumeration cannot shrink unnoticed. */
  readonly important: readonly string[];
  /** Of the points, those that are killed at, where all others are those of another story; every one when not given. */
  readonly only?: RegExp;
}

export interface Lane<T> {
  readonly gateway: GatewayProcess;
  readonly points: KillPoints;
  readonly story: Story<T>;
}

/** A point that is not passed again is tried so often; which of two concurrent steps comes first may differ. */
const ATTEMPTS = 3;
/** A story that failed although its gateway lives so much longer failed by itself. */
const SOON_MS = 2000;

/** How many points there are, and of how many it is known that everything held. */
export interface Tally {
  points: number;
  passed: number;
  /** How often the gateway was killed: the point after a step and the one before the next are one instant of the disk. */
  kills: number;
}

/**
 * Records the points of a story once in each lane, then kills the gateway at every one of them, each on an origin of its
 * own. Lanes are the same story over gateways of their own; they share the points and run beside each other.
 *
 * @throws Error of the first promise that did not hold, with the point's label
 */
export async function killAtEveryPoint(lanes: readonly Lane<unknown>[]): Promise<Tally> {
  const recorded = await Promise.all(lanes.map((lane) => record(lane)));
  const { title, important, only = /^/ } = lanes[0]!.story;
  const labels = [...new Set(recorded.flat())].filter((label) => only.test(label));
  expect(labels, `the points of "${title}"`).to.include.members([...important]);
  const instants = labels.filter((label) => !recorded.every((order) => isSameInstant(order, label)));
  const tally: Tally = { points: labels.length, passed: labels.length - instants.length, kills: instants.length };
  const waiting = [...instants];
  await Promise.all(
    lanes.map(async (lane) => {
      for (let label = waiting.shift(); label !== undefined; label = waiting.shift()) {
        await killAt(lane, label);
        tally.passed += 1;
      }
    }),
  );
  return tally;
}

/** Whether the point comes directly after that which follows another step, or was not passed: nothing lies between the two. */
function isSameInstant(order: readonly string[], label: string): boolean {
  const at = order.indexOf(label);
  return at < 0 || (label.startsWith('before ') && order[at - 1]?.startsWith('after ') === true);
}

let origins = 0;

async function record({ points, story }: Lane<unknown>): Promise<string[]> {
  const told = await story.prepare(`recorded-${(origins += 1)}`);
  await points.arm(null);
  await story.act(told);
  const labels = await points.disarm();
  await story.verify(told);
  return labels;
}

async function killAt({ gateway, points, story }: Lane<unknown>, label: string): Promise<void> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const told = await story.prepare(`killed-${(origins += 1)}`);
    try {
      await points.arm(label);
      const isKilled = (await killedDuring(gateway, story.act(told))) || (await killedAfter(gateway, points.disarm()));
      if (isKilled) await gateway.start();
      await story.verify(told);
      if (isKilled) return;
    } catch (error) {
      throw new Error(`killed at "${label}" of "${story.title}": ${String(error)}`, { cause: error });
    }
  }
  throw new Error(`the point "${label}" of "${story.title}" was passed once, and then not in ${ATTEMPTS} attempts`);
}

/** @returns whether the gateway killed itself; false when the story came to its end */
async function killedDuring(gateway: GatewayProcess, acting: Promise<void>): Promise<boolean> {
  const acted = acting.then(
    () => null,
    (error: unknown) => error,
  );
  const isOver = await Promise.race([acted.then((error) => error === null), gateway.ended.then(() => false)]);
  if (isOver) return false;
  // What the story was answered just before the death is taken in first; it fails soon, as nobody listens any more.
  const error = await acted;
  await untilKilled(gateway, error);
  return true;
}

/** A step that the story's end was known by may be the very one, and the gateway dies before it is told to live on. */
async function killedAfter(gateway: GatewayProcess, disarmed: Promise<unknown>): Promise<boolean> {
  const isDisarmed = await Promise.race([disarmed.then(() => true), gateway.ended.then(() => false)]);
  if (isDisarmed) return false;
  disarmed.catch(() => undefined);
  await untilKilled(gateway, new Error('the gateway ended by itself'));
  return true;
}

async function untilKilled(gateway: GatewayProcess, otherwise: unknown): Promise<void> {
  const { signal } = await gateway.untilEnded(SOON_MS).catch(() => {
    throw otherwise;
  });
  expect(signal).to.equal('SIGKILL');
  gateway.events.close();
}
