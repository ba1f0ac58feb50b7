import { setImmediate as nextTurn } from 'node:timers/promises';
import { Timeline } from '../../sim/world/timeline.ts';

/** Turns without file work after which nothing more follows: what a finished call leads to begins within one of them. */
const QUIET_TURNS = 3;

/** Virtual time over a real disk: none of it passes while a file is being read or written. */
export class DiskTimeline extends Timeline {
  override async settle(): Promise<void> {
    for (let quiet = 0; quiet < QUIET_TURNS; quiet = isBusy() ? 0 : quiet + 1) await nextTurn();
  }
}

function isBusy(): boolean {
  return process.getActiveResourcesInfo().some((name) => name.startsWith('FSReq') || name === 'CloseReq');
}
