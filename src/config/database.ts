import { isLoopback } from './addresses.ts';
import type { DatabaseHost } from './database-hosts.ts';
import type { TableName } from './database-names.ts';
import type { SslMode } from './database-ssl.ts';
import type { DatabaseUrl } from './database-url.ts';
import type { OptionKey } from './options.ts';
import { quoted, type Place, type Remark } from './problem.ts';
import { tryRead, type ReadFile } from './read-file.ts';
import type { Secret } from '../secret.ts';
import type { Settings } from './settings.ts';

/** Where the held snapshots are, when they are in PostgreSQL, and how to get there. */
export interface DatabaseConfig {
  /** At least one, tried in this order. */
  readonly hosts: readonly DatabaseHost[];
  readonly database: string;
  readonly user: string;
  /** null: the server does not ask for one. */
  readonly password: Secret | null;
  readonly sslMode: SslMode;
  /** A file that can be read; `system`: the authorities that this program trusts by itself; null: nobody is asked. */
  readonly sslRootCert: string | null;
  /** Both or neither: files that can be read. */
  readonly sslCert: string | null;
  readonly sslKey: string | null;
  readonly table: TableName;
  readonly keyColumn: string;
}

interface Configured {
  /** null when the held snapshots are in files, or when something is wrong. */
  readonly database: DatabaseConfig | null;
  readonly problems: readonly Remark[];
  readonly warnings: readonly Remark[];
  readonly notices: readonly Remark[];
}

const URL_KEY = 'dataSnapshotJdbcUrl';
/** What says nothing without a URL. */
const COMPANIONS = [
  'dataSnapshotJdbcUser',
  'dataSnapshotJdbcPassword',
  'dataSnapshotTableName',
  'dataSnapshotPrimaryKeyColumnName',
] as const satisfies readonly OptionKey[];

/** Puts together what the keys of the PostgreSQL store say, and whatever about them cannot be. */
export function configureDatabase(settings: Settings, readFile: ReadFile, fallback: Place): Configured {
  const problems: Remark[] = [];
  const say = (key: OptionKey, message: string): Remark => settings.remark(key, fallback, message);
  if (!settings.isGiven(URL_KEY)) {
    const warnings = COMPANIONS.filter((key) => settings.isGiven(key)).map((key) =>
      say(key, `has no effect without ${URL_KEY}`),
    );
    return { database: null, problems, warnings, notices: [] };
  }
  const url = settings.get(URL_KEY);
  const table = settings.get('dataSnapshotTableName');
  const keyColumn = settings.get('dataSnapshotPrimaryKeyColumnName');
  if (url === undefined) return { database: null, problems, warnings: [], notices: [] };
  const user = agreed('dataSnapshotJdbcUser', url.user, settings.get('dataSnapshotJdbcUser'));
  const password = agreed('dataSnapshotJdbcPassword', url.password?.reveal(), passwordOf(settings));
  for (const one of [user, password]) if (one !== null) problems.push(say(one.key, one.message));
  const name = url.user ?? settings.get('dataSnapshotJdbcUser') ?? null;
  // A user that is wrong has been complained of where it stands.
  if (name === null && !settings.isGiven('dataSnapshotJdbcUser'))
    problems.push(say(URL_KEY, 'names no user; give dataSnapshotJdbcUser, or the user in the URL'));
  for (const message of fileProblems(url, readFile)) problems.push(say(URL_KEY, message));
  const sslMode = url.sslMode ?? defaultMode(url);
  const warnings = url.sslMode === null && sslMode === 'prefer' ? [say(URL_KEY, UNVERIFIED)] : [];
  const notices = noticesOf(settings, url, say);
  if (problems.length > 0 || name === null || table === undefined || keyColumn === undefined)
    return { database: null, problems, warnings, notices };
  const { hosts, sslRootCert, sslCert, sslKey } = url;
  return {
    database: {
      hosts,
      database: url.database ?? name,
      user: name,
      password: url.password ?? settings.get('dataSnapshotJdbcPassword') ?? null,
      sslMode,
      sslRootCert,
      sslCert,
      sslKey,
      table: { schema: table.schema ?? url.schema, name: table.name },
      keyColumn,
    },
    problems,
    warnings,
    notices,
  };
}

const UNVERIFIED =
  'says no sslmode: the connection is encrypted if the server offers it, and nobody makes sure that it is the server; ' +
  'sslmode=verify-full with sslrootcert=FILE makes it sure, and sslmode=prefer says that it may stay so';

function passwordOf(settings: Settings): string | undefined {
  return settings.get('dataSnapshotJdbcPassword')?.reveal();
}

/** The URL and the key may both say it, if they say the same. */
function agreed(
  key: OptionKey,
  inUrl: string | null | undefined,
  inKey: string | undefined,
): { readonly key: OptionKey; readonly message: string } | null {
  if (inUrl === null || inUrl === undefined || inKey === undefined || inUrl === inKey) return null;
  return { key, message: `contradicts ${URL_KEY}, which says another; keep one of the two` };
}

/** A connection that does not leave this machine needs no encryption, unless an authority is named. */
function defaultMode({ hosts, sslRootCert, sslCert }: DatabaseUrl): SslMode {
  const isLocal = hosts.every(({ host }) => host.startsWith('/') || isLoopback(host));
  return isLocal && sslRootCert === null && sslCert === null ? 'disable' : 'prefer';
}

function fileProblems({ sslRootCert, sslCert, sslKey }: DatabaseUrl, readFile: ReadFile): string[] {
  const files = [
    ['sslrootcert', sslRootCert === 'system' ? null : sslRootCert, 'CERTIFICATE'],
    ['sslcert', sslCert, 'CERTIFICATE'],
    ['sslkey', sslKey, 'PRIVATE KEY'],
  ] as const;
  return files.flatMap(([name, path, content]) => {
    if (path === null) return [];
    const outcome = tryRead(readFile, path);
    const isPem = 'text' in outcome && outcome.text.includes(`${content}-----`);
    if (isPem) return [];
    const isBinary = 'reason' in outcome && outcome.reason === 'it is not UTF-8 text';
    const reason = 'reason' in outcome && !isBinary ? outcome.reason : `it is no PEM file with a ${content}`;
    const hint =
      content === 'PRIVATE KEY' && ('text' in outcome || isBinary)
        ? '; a key for Java becomes one by openssl pkcs8 -inform DER -nocrypt -in FILE -out FILE.pem'
        : '';
    return [`the ${name} ${quoted(path)} cannot be used: ${reason}${hint}`];
  });
}

function noticesOf(settings: Settings, url: DatabaseUrl, say: (key: OptionKey, message: string) => Remark): Remark[] {
  const notices: Remark[] = [];
  const { ignored } = url;
  if (ignored.length > 0) {
    const subject = ignored.length === 1 ? 'parameter' : 'parameters';
    notices.push(say(URL_KEY, `has the ${subject} ${ignored.join(', ')}, without effect here`));
  }
  if (settings.isGiven('dataSnapshotStorageDirectory'))
    notices.push(
      say('dataSnapshotStorageDirectory', `has no effect: ${URL_KEY} is given, so what is held goes into PostgreSQL`),
    );
  return notices;
}
