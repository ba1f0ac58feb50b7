import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { EventType } from '../../src/core/events.ts';
import type { GatewayProcess } from '../support/gateway-process.ts';
import { DEATH_MS, INTERVAL_MS, MISSES, Pair } from '../support/pair.ts';
import { untilShown } from '../support/seen.ts';
import { useStage, type Stage } from '../support/stage.ts';
import { describeWithTool } from '../support/tools.ts';

const VERDICTS: readonly EventType[] = ['peer-down', 'peer-left', 'delivery'];
const HOUR_MS = 3_600_000;

/** Gives the gateway a wall clock that can be set while it runs. @returns sets it, as an offset in seconds */
function fakeWallClock(stage: Stage, gateway: GatewayProcess): (offset: string) => void {
  const file = join(stage.folder(), 'clock');
  const set = (offset: string): void => writeFileSync(file, offset);
  set('+0');
  // The program sets its own offset in FAKETIME, which would be stronger than the file.
  gateway.wrapper = ['faketime', '-f', '+0', 'env', '-u', 'FAKETIME'];
  gateway.environment = {
    FAKETIME_TIMESTAMP_FILE: file,
    FAKETIME_NO_CACHE: '1',
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
    FAKETIME_FORCE_MONOTONIC_FIX: '0',
  };
  return set;
}

async function untilClockIsOff(gateway: GatewayProcess, byMs: number): Promise<void> {
  await untilShown('the jump of the clock', async () => {
    const { takenAt } = await gateway.putAccepted('clock', 'what time is it?');
    const offMs = Date.parse(takenAt) - Date.now();
    return Math.abs(offMs - byMs) < 60_000 ? true : undefined;
  });
}

describeWithTool('faketime', 'the wall clock of a gateway jumps', () => {
  const stage = useStage();

  for (const [direction, offset, byMs] of [
    ['an hour forward', '+3600', HOUR_MS],
    ['an hour back', '-3600', -HOUR_MS],
  ] as const) {
    it(`${direction}, and no verdict changes on either side, nor does a version go back`, async () => {
      const pair = await Pair.create(stage);
      const { dc1, dc2 } = pair;
      const setClock = fakeWallClock(stage, dc1);
      await Promise.all([dc1.start(), dc2.start()]);
      await pair.untilBothUp();
      const before = await dc1.putReplicated('orders', 'before');
      setClock(offset);
      await untilClockIsOff(dc1, byMs);
      await Promise.all([dc1.events.noneFor(2 * DEATH_MS, VERDICTS, 0), dc2.events.noneFor(2 * DEATH_MS, VERDICTS, 0)]);
      expect(await dc1.putReplicated('orders', 'after')).to.be.above(before);

      // A death is still found in its time, on the side whose clock jumped.
      const killedAt = performance.now();
      await dc2.kill9();
      const down = await dc1.events.until('peer-down');
      expect(down.at - killedAt).to.be.within((MISSES - 1) * INTERVAL_MS, DEATH_MS + 3000);
    });
  }
});
