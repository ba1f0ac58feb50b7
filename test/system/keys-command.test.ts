import { join } from 'node:path';
import { expect } from 'chai';
import type { Keys } from '../support/gateway-process.ts';
import { Pair } from '../support/pair.ts';
import { crossdc } from '../support/program.ts';
import { useStage } from '../support/stage.ts';

const RENEWED = 'what peers prove themselves by was renewed';

/** Runs a command of `crossdc keys` that must succeed. */
async function keys(...argv: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await crossdc('keys', ...argv);
  expect(status, stderr).to.equal(0);
  return stdout;
}

/** The lines of a configuration that a command printed, by their keys. */
function linesOf(printed: string): Keys {
  return Object.fromEntries([...printed.matchAll(/^(\w+)=(.*)$/gm)].map(([, key = '', value = '']) => [key, value]));
}

describe('what crossdc keys makes', () => {
  const stage = useStage();

  /** A state arrives in both directions. */
  async function untilBothReplicate({ dc1, dc2 }: Pair, state: string): Promise<void> {
    await dc1.putReplicated('orders', `${state} of dc1`);
    await dc2.putReplicated('orders', `${state} of dc2`);
  }

  /** Every gateway takes the files as they are now. */
  async function renew({ dc1, dc2 }: Pair): Promise<void> {
    for (const gateway of [dc1, dc2]) {
      const from = gateway.log.all.length;
      gateway.signal('SIGHUP');
      await gateway.untilLogged(RENEWED, from);
    }
  }

  it('is a shared key with which a pair works, as the printed lines say, through every step of a rotation', async () => {
    const file = join(stage.folder(), 'peer.keys');
    const lines = linesOf(await keys('generate', '--output', file));
    expect(lines).to.deep.equal({ peerAuth: 'key', peerSharedKeyFile: file });
    const pair = await Pair.running(stage, { keys: lines });
    for (const step of ['add', 'use', 'drop']) {
      await keys('rotate', file, '--step', step);
      await renew(pair);
      await untilBothReplicate(pair, step);
    }
    expect(await pair.dc1.metric('crossdc_peer_requests_rejected_total', { reason: 'token-invalid' })).to.equal(0);
  });

  it('are pairs of keys with which a pair works, through every step of a rotation', async () => {
    const folder = stage.folder();
    await keys('generate', '--ed25519', 'dc1', 'dc2', '--directory', folder);
    const files = ['dc1', 'dc2'].map((name) => join(folder, `${name}.keys`));
    const [dc1, dc2] = files.map((peerSharedKeyFile): Keys => ({ peerAuth: 'key', peerSharedKeyFile }));
    const pair = await Pair.running(stage, { dc1: dc1!, dc2: dc2! });
    for (const step of ['add', 'use', 'drop']) {
      await keys('rotate', ...files, '--step', step);
      await renew(pair);
      await untilBothReplicate(pair, step);
    }
    expect(await pair.dc1.metric('crossdc_peer_requests_rejected_total', { reason: 'token-invalid' })).to.equal(0);
  });

  it('are certificates with which a pair works, as the printed lines say, before and after they are renewed', async () => {
    const directory = ['--directory', stage.folder()];
    await keys('ca', 'init', ...directory);
    const [dc1, dc2] = [await keys('ca', 'issue', 'dc1', ...directory), await keys('ca', 'issue', 'dc2', ...directory)];
    const pair = await Pair.running(stage, { dc1: linesOf(dc1), dc2: linesOf(dc2) });
    await untilBothReplicate(pair, 'first');
    for (const dataCenter of ['dc1', 'dc2']) await keys('ca', 'issue', dataCenter, '--renew', ...directory);
    await renew(pair);
    await untilBothReplicate(pair, 'second');
    expect(pair.dc1.events.types(0, 'peer-suspect', 'peer-down')).to.deep.equal([]);
  });
});
