import { readdirSync, readFileSync } from 'node:fs';
import { escapeIdentifier } from 'pg';
import { packageFile } from '../../package-files.ts';
import type { TableNames } from './table-names.ts';

const FOLDER = 'sql';
const FILE = /^(\d{6})_[a-z0-9_]+\.sql$/;

export interface Migration {
  readonly number: number;
  /** With psql's own placeholders for names, `:"name"`, so that an administrator can run the file by hand. */
  readonly text: string;
}

/** In the order of their numbers. */
export function loadMigrations(): readonly Migration[] {
  return readdirSync(packageFile(FOLDER))
    .flatMap((name) => {
      const number = FILE.exec(name)?.[1];
      return number === undefined
        ? []
        : [{ number: Number(number), text: readFileSync(packageFile(`${FOLDER}/${name}`), 'utf8') }];
    })
    .sort((a, b) => a.number - b.number);
}

/** The statements with the names in their places. */
export function migrationSql(migration: Migration, names: TableNames): string {
  const { schema, snapshot, chunk, meta, keyColumn } = names;
  const values = new Map(Object.entries({ schema, snapshot, chunk, meta, id: keyColumn }));
  return migration.text.replace(/:"([a-z]+)"/g, (_, name: string) => {
    const value = values.get(name);
    if (value === undefined) throw new Error(`migration ${migration.number} has an unknown name ${name}`);
    return escapeIdentifier(value);
  });
}
