import type { Keys } from './gateway-process.ts';
import { databaseServer } from './postgres-server.ts';
import type { Stage } from './stage.ts';

/** Where a gateway keeps what it holds, as its configuration says it; what must hold over both is tested over both. */
export interface HeldStore {
  readonly name: string;
  /** For one gateway: every one has a store of its own. Before the gateway, so that it outlives it. */
  keys(stage: Stage): Promise<Keys>;
}

export const HELD_STORES: readonly HeldStore[] = [
  { name: 'files', keys: () => Promise.resolve({}) },
  {
    name: 'PostgreSQL',
    keys: async (stage) => {
      const database = await (await databaseServer()).createDatabase();
      stage.after(() => database.drop());
      return { dataSnapshotJdbcUrl: database.url };
    },
  },
];
