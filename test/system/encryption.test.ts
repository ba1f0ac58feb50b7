import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { encryptionKey } from '../support/encryption-keys.ts';
import { HELD_STORES } from '../support/held-stores.ts';
import { Pair } from '../support/pair.ts';
import { useStage } from '../support/stage.ts';

const MARKER = 'the balance of account 4711';
const [OLD, NEW] = ['0badcafe', '00000001'] as const;

function writeKeys(path: string, ...ids: readonly string[]): void {
  writeFileSync(path, ids.map((id) => `${id}:${encryptionKey(id).key.reveal()}\n`).join(''), { mode: 0o600 });
}

/** Every plain file below a folder; a lock is a socket. */
function filesBelow(folder: string): string[] {
  const files = readdirSync(folder, { withFileTypes: true, recursive: true }).filter((entry) => entry.isFile());
  return files.map((entry) => join(entry.parentPath, entry.name));
}

describe('snapshots that are encrypted where they are stored', () => {
  const stage = useStage();

  for (const heldStore of HELD_STORES) {
    it(`(${heldStore.name}) can be read by nobody without the key, outlive its loss, and its exchange`, async () => {
      const keyFile = join(stage.folder(), 'snapshots.keys');
      writeKeys(keyFile, OLD);
      const keys = { snapshotEncryptionKeyFile: keyFile };
      const { dc1, dc2 } = await Pair.running(stage, { keys, dc2: await heldStore.keys(stage) });
      const content = Buffer.from(MARKER.repeat(100_000));
      await dc1.putReplicated('orders', content);
      for (const file of [...filesBelow(dc1.stateFolder), ...filesBelow(dc2.stateFolder)])
        expect(readFileSync(file).includes('balance'), file).to.equal(false);
      const read = async (): Promise<Awaited<ReturnType<typeof dc2.api>>> => dc2.api('/v1/peers/dc1/snapshots/orders');
      expect((await read()).body.equals(content)).to.equal(true);

      await dc2.stop();
      delete dc2.keys.snapshotEncryptionKeyFile;
      const from = dc2.events.mark;
      await dc2.start();
      const said = (await dc2.events.until('store-error', () => true, from)).data;
      expect(said).to.include({ store: 'held' });
      expect(said.reason).to.contain(OLD).and.to.contain('snapshotEncryptionKeyFile');
      const refused = await read();
      expect(refused.status).to.equal(503);
      expect(refused.json()).to.include({ type: 'urn:crossdc:problem:encryption-key-missing' });
      expect((await dc2.history('dc1')).map(({ state }) => state)).to.deep.equal(['held']);
      expect((await dc2.readiness()).status).to.equal(503);
      expect(dc2.events.of('snapshot-damaged')).to.deep.equal([]);

      await dc2.stop();
      writeKeys(keyFile, NEW, OLD);
      dc2.keys.snapshotEncryptionKeyFile = keyFile;
      await dc2.start();
      expect((await read()).body.equals(content)).to.equal(true);
      await dc1.putReplicated('orders', 'the next');
      expect((await read()).body.toString()).to.equal('the next');
      expect(dc2.events.of('snapshot-damaged')).to.deep.equal([]);
    });
  }
});
