import { GatewayError } from '../../../src/errors.ts';
import { MemoryDisk } from '../../support/memory-disk.ts';
import type { Life } from './life.ts';
import type { SeededRandom } from './random.ts';
import type { Timeline } from './timeline.ts';

/** How slow a disk is: every change takes this long to become durable, and up to so much longer. */
export interface DiskPace {
  latencyMs: number;
  jitterMs: number;
}

/**
 * Lets the disk of a machine take virtual time, so that a process can be stopped or killed between a change's beginning
 * and its being durable. Only what the present process began becomes durable.
 */
export function pace(
  disk: MemoryDisk,
  life: Life,
  world: { timeline: Timeline; random: SeededRandom; pace: DiskPace },
): void {
  const { timeline, random } = world;
  disk.latency = () => {
    if (life.state === 'ended') return Promise.reject(new GatewayError('store-unavailable', 'the process has ended'));
    const ms = world.pace.latencyMs + (world.pace.jitterMs > 0 ? random.between(0, world.pace.jitterMs) : 0);
    if (ms === 0) return Promise.resolve();
    return new Promise((resolve) => timeline.after(ms, life, resolve));
  };
  life.onEnd(() => disk.crash());
}
