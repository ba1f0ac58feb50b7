import { expect } from 'chai';
import type { Watermarks } from '../../../src/core/watermarks.ts';
import type { GatewayError } from '../../../src/errors.ts';
import type { RestoreView } from '../../../src/ports/ownership-api.ts';
import { Damage } from '../../../src/services/damage.ts';
import { Restore, type KnownOwnership } from '../../../src/services/restore.ts';
import { bytesOf, Stage } from './stage.ts';

type Store = 'outgoing' | 'held' | 'returned';

/** dc1, and what is stored there; a text of the form `store:dataCenter/workload/origin@version`, with `-` withdrawn. */
class Scene {
  readonly stage = new Stage();
  readonly restore: Restore;
  ownership: Record<string, KnownOwnership> = {
    dc1: { owner: 'dc1', epoch: 1, wasOurs: true, before: null },
    dc2: { owner: 'dc2', epoch: 1, wasOurs: false, before: null },
  };
  watermarks: Record<string, Watermarks> = {};
  /** What dc1 put under an epoch, as `workload epoch`. */
  put: Record<string, Watermarks> = {};

  constructor() {
    const { context, hub: events, watch, stores, held } = this.stage;
    this.restore = new Restore(context, {
      own: stores.outgoing,
      returned: stores.returned,
      held,
      damage: new Damage(context, { events, watch, names: new Map() }),
      ownershipOf: (workload) => this.ownership[workload],
      ownWatermarks: () => this.watermarks.dc1 ?? {},
      ownWatermarksOf: (workload, epoch) => this.put[`${workload} ${epoch}`] ?? {},
      watermarksOf: (dataCenter) => this.watermarks[dataCenter],
    });
  }

  async store(...texts: readonly string[]): Promise<this> {
    await this.stage.load();
    for (const text of texts) {
      const match = /^(\w+):(\w+)\/(\w+)\/(.+)@(\d+)(-?)$/.exec(text);
      const [, store = '', dataCenter = '', workload = '', origin = '', version = '', mark] = match ?? [];
      await this.stage.stores[store as Store].put(
        {
          key: { dataCenter, workload, origin },
          version: () => Number(version),
          takenAt: () => '2026-01-01T00:00:00.000Z',
          position: `at ${version}`,
          labels: { from: dataCenter },
          incarnation: 1,
          maxBytes: 1000,
          expect: { bytes: null, sha256: null },
        },
        bytesOf(mark === '-' ? '' : text),
        new AbortController().signal,
      );
    }
    return this;
  }
}

/** `origin: source dataCenter version, …` of each origin. */
function shown({ origins }: RestoreView): string[] {
  return origins.map(
    ({ origin, candidates }) =>
      `${origin}: ${candidates.map(({ source, dataCenter, version }) => `${source} ${dataCenter} ${version}`).join(', ')}`,
  );
}

async function read(scene: Scene, href: string): Promise<string> {
  const url = new URL(href, 'http://x');
  const [, , kind = '', first = '', , second = ''] = url.pathname.split('/').map(decodeURIComponent);
  const query = url.searchParams;
  const [version, workload] = [Number(query.get('version')), query.get('workload') ?? undefined];
  const reader =
    kind === 'snapshots'
      ? await scene.restore.openOwn({ origin: first, workload, version })
      : kind === 'returned'
        ? await scene.restore.openReturned({
            origin: first,
            workload,
            version,
            dataCenter: query.get('dataCenter') ?? '',
          })
        : await scene.stage.held.open(first, { origin: second, workload, version });
  let text = '';
  for await (const chunk of reader.stream()) text += Buffer.from(chunk).toString();
  return text;
}

const codeOf = (act: () => unknown): string => {
  try {
    act();
    return 'nothing';
  } catch (error) {
    return (error as GatewayError).code;
  }
};

describe('what an application starts from', () => {
  it('is every version that can be offered, by origin, the newest first, wherever it came from', async () => {
    const scene = await new Scene().store(
      'outgoing:dc1/dc1/b@1',
      'outgoing:dc1/dc1/a@3',
      'outgoing:dc1/dc1/a@5',
      'held:dc2/dc1/a@6',
      'returned:dc2/dc1/a@4',
      'held:dc2/dc2/a@9',
      'returned:dc2/dc2/a@8',
    );
    expect(shown(scene.restore.view())).to.deep.equal([
      'a: held dc2 6, own dc1 5, returned dc2 4, own dc1 3',
      'b: own dc1 1',
    ]);
    expect(shown(scene.restore.view('dc2'))).to.deep.equal(['a: held dc2 9, returned dc2 8']);
  });

  it('names of equal versions our own before a returned one before a held one', async () => {
    const scene = await new Scene().store(
      'held:dc3/dc1/a@5',
      'held:dc2/dc1/a@5',
      'returned:dc4/dc1/a@5',
      'outgoing:dc1/dc1/a@5',
    );
    expect(shown(scene.restore.view())).to.deep.equal(['a: own dc1 5, returned dc4 5, held dc2 5, held dc3 5']);
  });

  it('goes back over no withdrawal, whoever took it in, and leaves out an origin that has nothing after it', async () => {
    const scene = await new Scene().store(
      'outgoing:dc1/dc1/a@3',
      'held:dc2/dc1/a@4-',
      'outgoing:dc1/dc1/b@3',
      'held:dc2/dc1/b@4-',
      'returned:dc2/dc1/b@5',
      'outgoing:dc1/dc1/c@9-',
      'held:dc2/dc1/c@8',
      'outgoing:dc1/dc1/d@4-',
      'held:dc2/dc1/d@4',
    );
    expect(shown(scene.restore.view())).to.deep.equal(['b: returned dc2 5']);
  });

  it('offers nothing that was rejected, set aside or lost, and what was delivered all the same', async () => {
    const scene = await new Scene().store(...[4, 5, 6, 7].map((version) => `held:dc2/dc2/a@${version}`));
    const key = { dataCenter: 'dc2', workload: 'dc2', origin: 'a' };
    const { held } = scene.stage.stores;
    await held.move(key, 7, { place: 'quarantined', reason: 'rejected' });
    await held.move(key, 5, { place: 'set-aside', reason: null });
    await held.markDelivered(key, 6, '41');
    expect(shown(scene.restore.view('dc2'))).to.deep.equal(['a: held dc2 6, held dc2 4']);
  });

  it('is read by the path that each candidate names', async () => {
    const stored = ['outgoing:dc1/dc2/a b@3', 'outgoing:dc1/dc2/a b@4', 'returned:dc3/dc2/a b@2', 'held:dc2/dc2/a b@1'];
    const scene = await new Scene().store(...stored);
    const candidates = scene.restore.view('dc2').origins[0]?.candidates ?? [];
    expect(candidates.map(({ href }) => href)).to.deep.equal([
      '/v1/snapshots/a%20b?version=4&workload=dc2',
      '/v1/snapshots/a%20b?version=3&workload=dc2',
      '/v1/returned/a%20b?version=2&workload=dc2&dataCenter=dc3',
      '/v1/peers/dc2/snapshots/a%20b?version=1&workload=dc2',
    ]);
    const texts = await Promise.all(candidates.map(({ href }) => read(scene, href)));
    expect(texts).to.deep.equal([stored[1], stored[0], stored[2], stored[3]]);
    expect(candidates[0]).to.deep.include({ position: 'at 4', labels: { from: 'dc1' }, bytes: 22 });
  });

  it('says that it is superseded where another owns the work that is or was ours', async () => {
    const scene = await new Scene().store('held:dc2/dc2/a@1');
    expect(scene.restore.view()).to.include({ workload: 'dc1', owner: 'dc1', epoch: 1, superseded: false });
    expect(scene.restore.view('dc2')).to.include({ owner: 'dc2', superseded: false });
    scene.ownership.dc1 = { owner: 'dc2', epoch: 2, wasOurs: false, before: 'dc1' };
    expect(scene.restore.view()).to.include({ owner: 'dc2', epoch: 2, superseded: true });
    scene.ownership.dc2 = { owner: 'dc3', epoch: 4, wasOurs: true, before: 'dc1' };
    expect(scene.restore.view('dc2')).to.include({ superseded: true });
    scene.ownership.dc2 = { owner: 'dc1', epoch: 5, wasOurs: false, before: 'dc3' };
    expect(scene.restore.view('dc2')).to.include({ superseded: false });
  });

  it('takes a snapshot that our application posted of a workload for the proof that we owned it', async () => {
    const scene = await new Scene().store('outgoing:dc1/dc2/a@5');
    expect(scene.restore.view('dc2')).to.include({ owner: 'dc2', superseded: true });
  });

  it('is nothing of a workload of which nobody knows, and something of one that only the stores remember', async () => {
    const scene = await new Scene().store('held:dc2/dc9/a@5');
    expect(codeOf(() => scene.restore.view('dc8'))).to.equal('not-found');
    expect(scene.restore.view('dc9')).to.include({ owner: 'dc9', epoch: 1, superseded: false });
    expect(scene.restore.view('dc2').origins).to.deep.equal([]);
  });

  it('is not told while it is not known what is held: less than there is would be a lie', () => {
    const scene = new Scene();
    Object.defineProperty(scene.stage.held.store, 'isKnown', { value: false });
    expect(codeOf(() => scene.restore.view())).to.equal('store-unavailable');
  });
});

describe('the watermarks to start from', () => {
  it("are our own for our own work, whatever a peer's application says of its own", async () => {
    const scene = await new Scene().store();
    scene.watermarks = { dc1: { out: { seq: 5 } }, dc2: { out: { seq: 900 } } };
    expect(scene.restore.view().watermarks).to.deep.equal({ out: { seq: 5 } });
    expect(scene.restore.view('dc2').watermarks).to.deep.equal({ out: { seq: 900 } });
  });

  it("are those of the home, ours and its owner's together, and of one name the owner's word", async () => {
    const scene = await new Scene().store();
    scene.ownership.dc1 = { owner: 'dc2', epoch: 2, wasOurs: true, before: 'dc1' };
    scene.watermarks = { dc1: { out: { seq: 900 }, in: { position: 'old' } }, dc2: { out: { seq: 700 } } };
    expect(scene.restore.view().watermarks).to.deep.equal({ out: { seq: 700 }, in: { position: 'old' } });
  });

  it('are those of whoever had the work last when it comes home, until our application says more', async () => {
    const scene = await new Scene().store();
    scene.ownership.dc1 = { owner: 'dc1', epoch: 3, wasOurs: false, before: 'dc2' };
    scene.watermarks = { dc1: { out: { seq: 900 }, in: { position: 'old' } }, dc2: { out: { seq: 1200 } } };
    expect(scene.restore.view().watermarks).to.deep.equal({ out: { seq: 1200 }, in: { position: 'old' } });
    scene.put['dc1 3'] = { out: { seq: 1201 } };
    expect(scene.restore.view().watermarks).to.deep.equal({ out: { seq: 1201 }, in: { position: 'old' } });
  });

  it('are those of the last owner, and not those of the home, when a third one takes over', async () => {
    const scene = await new Scene().store();
    scene.ownership.dc2 = { owner: 'dc1', epoch: 3, wasOurs: false, before: 'dc3' };
    scene.watermarks = { dc1: { mine: { seq: 1 } }, dc2: { out: { seq: 5 } }, dc3: { out: { seq: 9 } } };
    expect(scene.restore.view('dc2').watermarks).to.deep.equal({ out: { seq: 9 } });
  });

  it('go back when the application of its owner started from something older', async () => {
    const scene = await new Scene().store();
    scene.ownership.dc2 = { owner: 'dc3', epoch: 4, wasOurs: true, before: 'dc1' };
    scene.watermarks = { dc1: { out: { seq: 8 } }, dc2: { out: { seq: 9 }, in: { seq: 1 } }, dc3: { out: { seq: 7 } } };
    expect(scene.restore.view('dc2').watermarks).to.deep.equal({ out: { seq: 7 }, in: { seq: 1 } });
  });
});
