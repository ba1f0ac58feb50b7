import { expect } from 'chai';
import { GatewayError } from '../../../src/errors.ts';
import { Damage } from '../../../src/services/damage.ts';
import { Stage } from './stage.ts';

const atOnce = (): Promise<void> => Promise.resolve();

function damageOf(stage: Stage): Damage {
  const names = new Map([[stage.stores.held, 'held']]);
  return new Damage(stage.context, { events: stage.hub, watch: stage.watch, names });
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'good',
    (error: unknown) => (error instanceof GatewayError ? error.code : String(error)),
  );
}

describe('a damaged version', () => {
  it('is said once, however many read or verify it at the same time, and each is told', async () => {
    const stage = await new Stage().load();
    const { key, version } = await stage.hold('a', 1);
    stage.disk.damage(key, version);
    const damage = damageOf(stage);
    const { held } = stage.stores;
    const codes = await Promise.all([
      ...[1, 2, 3].map(() => codeOf(damage.open(held, key, version))),
      codeOf(damage.verify(held, key, version, atOnce)),
    ]);
    expect(new Set(codes)).to.deep.equal(new Set(['snapshot-damaged']));
    expect(await codeOf(damage.verify(held, key, version, atOnce))).to.equal('snapshot-damaged');
    expect(stage.ofType('snapshot-damaged').length).to.equal(1);
  });

  it('is said again when it was filled and is damaged another time', async () => {
    const stage = await new Stage().load();
    const damage = damageOf(stage);
    for (let times = 1; times <= 2; times += 1) {
      const { key, version } = await stage.hold('a', 1);
      stage.disk.damage(key, version);
      expect(await codeOf(damage.verify(stage.stores.held, key, version, atOnce))).to.equal('snapshot-damaged');
      expect(stage.ofType('snapshot-damaged').length).to.equal(times);
    }
  });

  it('is not what somebody stopped to verify: no store fails for that', async () => {
    const stage = await new Stage().load();
    const { key, version } = await stage.hold('a', 1);
    const stop = (): Promise<void> => Promise.reject(new GatewayError('shutting-down', 'enough'));
    expect(await codeOf(damageOf(stage).verify(stage.stores.held, key, version, stop))).to.equal('shutting-down');
    expect(stage.watch.failures()).to.deep.equal([]);
    expect(stage.events).to.deep.equal([]);
  });
});
