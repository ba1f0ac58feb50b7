import type { Direction } from '../relay.ts';
import type { Seeded } from './seeded.ts';

export type Part = 'dc1' | 'dc2' | 'database' | 'line';

/** Which of the two lines: the one on which requests reach that gateway. */
export type Way = 'dc1' | 'dc2' | 'both';

export type Trouble =
  | { readonly kind: 'kill' }
  | { readonly kind: 'stop' }
  | { readonly kind: 'pause' }
  | {
      readonly kind: 'cut';
      readonly way: Way;
      readonly direction: Direction | 'both';
      readonly stalled: 'resumed' | 'lost';
    }
  | { readonly kind: 'refuse'; readonly way: Way }
  | { readonly kind: 'slow'; readonly way: Way; readonly delayMs: number; readonly jitterMs: number }
  | { readonly kind: 'break'; readonly way: Way; readonly afterBytes: number; readonly how: 'silent' | 'reset' };

export interface Fault {
  readonly part: Part;
  /** From the beginning of the run. */
  readonly atMs: number;
  readonly forMs: number;
  readonly trouble: Trouble;
}

interface Shape {
  /** Between two faults of the part, the shortest and the longest. Lowered: more faults, and less gets through. */
  readonly gapMs: readonly [number, number];
  readonly forMs: readonly [number, number];
  /** The part of the run in which they begin. A gateway's end early: what it has in memory at the end it has gathered. */
  readonly until: number;
  readonly trouble: (random: Seeded) => Trouble;
}

const SHAPES: Readonly<Record<Part, Shape>> = {
  dc1: { gapMs: [2_000, 10_000], forMs: [100, 5_000], until: 0.75, trouble: () => ({ kind: 'kill' }) },
  dc2: { gapMs: [2_000, 10_000], forMs: [100, 5_000], until: 0.75, trouble: () => ({ kind: 'kill' }) },
  database: {
    gapMs: [3_000, 12_000],
    forMs: [200, 8_000],
    until: 0.95,
    trouble: (random) => ({ kind: random.pick(['kill', 'stop', 'pause']) }),
  },
  line: { gapMs: [1_000, 6_000], forMs: [200, 6_000], until: 0.95, trouble: lineTrouble },
};

/**
 * Everything that will be done to the gateways, the database and the line, in the order of time. No part has two faults
 * at once; those of different parts meet as they like.
 */
export function planOf(random: Seeded, minutes: number, parts: readonly Part[]): readonly Fault[] {
  const endMs = minutes * 60_000;
  return parts.flatMap((part) => faultsOf(random.fork(part), part, endMs)).sort((a, b) => a.atMs - b.atMs);
}

/** One line for people. */
export function faultText({ part, atMs, forMs, trouble }: Fault): string {
  const { kind, ...how } = trouble;
  const details = Object.entries(how).map(([name, value]) => ` ${name}=${String(value)}`);
  return `${(atMs / 1000).toFixed(1).padStart(7)} s  ${part} ${kind} for ${(forMs / 1000).toFixed(1)} s${details.join('')}`;
}

function faultsOf(random: Seeded, part: Part, endMs: number): Fault[] {
  const { gapMs, forMs, until, trouble } = SHAPES[part];
  const faults: Fault[] = [];
  for (let atMs = random.between(...gapMs); atMs < endMs * until;) {
    const fault = { part, atMs, forMs: random.magnitude(...forMs), trouble: trouble(random) };
    faults.push(fault);
    atMs += fault.forMs + random.between(...gapMs);
  }
  return faults;
}

function lineTrouble(random: Seeded): Trouble {
  const way = random.pick<Way>(['dc1', 'dc2', 'both']);
  const kind = random.pick<'cut' | 'refuse' | 'slow' | 'break'>(['cut', 'refuse', 'slow', 'break']);
  switch (kind) {
    case 'cut': {
      const direction = random.pick<Direction | 'both'>(['forward', 'backward', 'both']);
      return { kind, way, direction, stalled: random.pick<'resumed' | 'lost'>(['resumed', 'lost']) };
    }
    case 'refuse':
      return { kind, way };
    case 'slow':
      return { kind, way, delayMs: random.between(5, 200), jitterMs: random.between(0, 100) };
    case 'break': {
      const afterBytes = random.magnitude(1, 1 << 20);
      return { kind, way, afterBytes, how: random.pick<'silent' | 'reset'>(['silent', 'reset']) };
    }
  }
}
