import * as v from 'valibot';
import type { SnapshotKey } from '../../core/snapshot.ts';
import type { Log } from '../../ports/log.ts';
import { dataCenterName, originProblem } from '../../wire/names.ts';
import { SnapshotIndex } from '../storage/snapshot-index.ts';
import { loadRows, Rows, type UnbelievableRow } from './rows.ts';
import type { Session } from './session.ts';

export interface LoadOptions {
  readonly store: string;
  readonly log: Log;
  /** RFC 3339. */
  readonly now: string;
  readonly onDamage: ((found: { key: SnapshotKey; version: number; reason: string }) => void) | undefined;
}

/** Every row that can be believed; the others are set aside in the table first, so that their versions can come again. */
export async function loadIndex(session: Session, options: LoadOptions): Promise<SnapshotIndex> {
  const index = new SnapshotIndex();
  for await (const { good, bad } of loadRows(session.home, session.names)) {
    index.set(good);
    for (const found of bad) await setAside(session, found, options);
  }
  if (!session.facts.hasFsync) {
    options.log.warn(
      { store: options.store },
      'The database server runs with fsync=off: what was stored can be lost when its machine fails',
    );
  }
  return index;
}

async function setAside(session: Session, { row, problem }: UnbelievableRow, options: LoadOptions): Promise<void> {
  const reason = `its row in the table was changed: ${problem}`;
  const { data_center: dataCenter, workload, origin } = row;
  options.log.error(
    { store: options.store, id: row.id, dataCenter, workload, origin, reason },
    'A stored snapshot is damaged',
  );
  await session.transaction((connection) =>
    new Rows(session.names).setUnbelievable(connection, row.id, { reason, at: options.now }),
  );
  const version = Number(row.version);
  // The names and the number may be what was changed; they are told only where they can be ones.
  const isPlausible =
    v.is(dataCenterName, dataCenter) &&
    v.is(dataCenterName, workload) &&
    originProblem(origin) === null &&
    Number.isSafeInteger(version);
  if (isPlausible) options.onDamage?.({ key: { dataCenter, workload, origin }, version, reason });
}
