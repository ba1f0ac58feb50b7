import type { Keys } from '../support/gateway-process.ts';
import { takeoverStory } from '../support/kill-points/deliveries.ts';
import type { Lane } from '../support/kill-points/enumerate.ts';
import { receiverStory, type ReceiverOptions } from '../support/kill-points/receiver.ts';
import {
  around,
  beside,
  DELIVERED,
  holdFirst,
  LARGE,
  ledgerOf,
  MORTAL,
  PATIENT,
  takeFirstOver,
  useKillStage,
  WAITING_LANES,
} from '../support/kill-points/scenes.ts';
import { HELD_STORES } from '../support/held-stores.ts';
import { databaseServer } from '../support/postgres-server.ts';

const DATABASE = HELD_STORES.find(({ name }) => name === 'PostgreSQL')!;
/** The statements of a transaction that puts a version in, or changes one. */
const INSERTED = around('sql BEGIN', 'sql INSERT INTO crossdc_snapshot', 'sql COMMIT');

describe('A gateway with its held store in PostgreSQL that is killed before or after any durable step', () => {
  const { stage, killAt } = useKillStage('PostgreSQL');

  before(async function () {
    this.timeout(60_000);
    await databaseServer();
  });

  const withDatabase = (keys: Keys) => async (): Promise<Keys> => ({ ...keys, ...(await DATABASE.keys(stage)) });

  describe('while it takes a snapshot from its peer', () => {
    const answered = around("answer 200 to the peer's snapshot");
    const removed = around(
      'sql DELETE FROM crossdc_snapshot_chunk',
      'sql DELETE FROM crossdc_snapshot',
      'sql COMMIT (2)',
    );
    const receiving = (options: Omit<ReceiverOptions, 'isDatabase'>): (() => Promise<Lane<unknown>>) =>
      beside(stage, {
        keys: withDatabase(PATIENT),
        first: holdFirst,
        story: (victim, peer) => receiverStory(victim, peer, { ...options, isDatabase: true }),
      });

    it('holds a small one, old or new, while the old one is removed', async () => {
      await killAt(
        receiving({
          title: 'receiver with a database, small, newer version',
          hasOlder: true,
          bytes: 3000,
          important: [...INSERTED, ...around('sql INSERT INTO crossdc_snapshot_chunk'), ...removed, ...answered],
        }),
      );
    });

    it('holds a large one, old or new, while the old one is removed', async () => {
      await killAt(
        receiving({
          title: 'receiver with a database, large, newer version',
          hasOlder: true,
          bytes: LARGE,
          important: [...INSERTED, ...around('sql INSERT INTO crossdc_snapshot_chunk'), ...removed, ...answered],
        }),
      );
    });

    it('holds the old version or its withdrawal', async () => {
      await killAt(
        receiving({
          title: 'receiver with a database, withdrawal',
          hasOlder: true,
          bytes: 0,
          important: [...INSERTED, ...around('sql UPDATE crossdc_snapshot'), ...answered],
        }),
      );
    });
  });

  it('delivers what a dead peer left at least once, and to the end', async () => {
    // What the state folder has of a takeover is written as it is beside a store of files, where it is killed at every step.
    const only = /sql|deliver|acknowledge/;
    const important = [
      ...around('sql UPDATE crossdc_snapshot', 'sql UPDATE crossdc_snapshot (2)', 'sql COMMIT', 'sql COMMIT (2)'),
      ...DELIVERED,
      ...ledgerOf('takeovers (changing, acknowledged)'),
    ];
    await killAt(
      beside(stage, {
        keys: withDatabase(MORTAL),
        first: takeFirstOver,
        story: (victim, peer) => takeoverStory(victim, peer, { title: 'takeover with a database', important, only }),
      }),
      WAITING_LANES,
    );
  });
});
