import { parseHosts, type DatabaseHost } from './database-hosts.ts';
import { isSchemaName } from './database-names.ts';
import {
  KNOWN_PARAMETERS,
  isIgnoredParameter,
  isSecretParameter,
  isUsedParameter,
  type UsedParameter,
} from './database-parameters.ts';
import { Reading } from './database-reading.ts';
import { parseSsl, type Ssl } from './database-ssl.ts';
import { quoted } from './problem.ts';
import { MASK, Secret } from '../secret.ts';
import { nearest } from './suggest.ts';

/** What the URL of a PostgreSQL database says. */
export interface DatabaseUrl extends Ssl {
  /** At least one, tried in this order. */
  readonly hosts: readonly DatabaseHost[];
  /** null: not said; then it has the name of the user. */
  readonly database: string | null;
  readonly user: string | null;
  readonly password: Secret | null;
  /** The schema of a table that is named without one. */
  readonly schema: string | null;
  /** Parameters that are known and have no effect here. */
  readonly ignored: readonly string[];
  /** The URL as it may be shown. */
  readonly shown: string;
}

const URL_MAX = 4096;
const RIGHT = 'jdbc:postgresql://HOST:PORT/DATABASE';

/**
 * Takes apart `jdbc:postgresql:…`, `postgresql://…` and `postgres://…`, as pgjdbc and psql do: several hosts separated by
 * commas, IPv6 in brackets, user and password before an `@` or as parameters, a Unix socket by `host=/folder`. Stricter
 * than both where a character that was not encoded would make a part of a password into a host, a database or a
 * parameter. Any other database is refused by its name.
 *
 * @returns an Error that says everything that is wrong and shows no part of the text but the name of another database
 */
export function parseDatabaseUrl(text: string): DatabaseUrl | Error {
  if (text.length > URL_MAX) return new Error(`must be a URL of at most ${URL_MAX} characters`);
  const [, jdbc, name = '', rest = ''] = /^(jdbc:)?([a-z][a-z0-9+.-]{0,39}):(.*)$/is.exec(text) ?? [];
  const isJdbc = jdbc !== undefined;
  if (!['postgresql', 'postgres'].includes(name.toLowerCase())) {
    // Without this shape it may be a user and its password whose scheme was forgotten.
    const hasShape = isJdbc || rest.startsWith('//');
    return new Error(
      hasShape
        ? `the database ${quoted(name)} is not supported; the store can be in PostgreSQL only: ${RIGHT}`
        : `must be ${RIGHT}, or begin with postgresql:// or postgres://`,
    );
  }
  const reading = new Reading();
  const question = rest.indexOf('?');
  const [place, query] = question < 0 ? [rest, ''] : [rest.slice(0, question), rest.slice(question + 1)];
  const parts = splitPlace(place, isJdbc, reading);
  const parameters = parseParameters(query, isJdbc, reading);
  const value = (key: UsedParameter): string | null => parameters.used.get(key) || null;

  const hosts = parseHosts(parts.hosts, { hosts: value('host'), ports: value('port') }, reading);
  const said = {
    user: oneOf(reading, 'user', parts.user, value('user')),
    database: oneOf(reading, 'database', parts.database, value('dbname')),
  };
  const password = oneOf(reading, 'password', parts.password, value('password'));
  const ssl = parseSsl(parameters.used, reading);
  // pgjdbc takes a search path; the table can only be in one of them.
  const schema = value('currentSchema')?.split(',')[0]?.trim() ?? null;
  if (schema !== null && !isSchemaName(schema)) reading.complain('its currentSchema is no name of a schema');
  const { outcome } = reading;
  if (outcome !== null) return new Error(outcome);
  return {
    ...said,
    ...ssl,
    hosts,
    password: password === null ? null : new Secret(password),
    schema,
    ignored: parameters.ignored,
    shown: `${text.slice(0, text.length - rest.length)}${parts.shown}${parameters.shown}`,
  };
}

/** The URL with `***` for its password; of one that is no right URL nothing. */
export function shownDatabaseUrl(text: string): string {
  const parsed = parseDatabaseUrl(text);
  return parsed instanceof Error ? MASK : parsed.shown;
}

interface PlaceParts {
  readonly user: string | null;
  readonly password: string | null;
  readonly hosts: string;
  readonly database: string | null;
  readonly shown: string;
}

/** `//user:password@hosts/database`; of a JDBC URL also `database` or `/database` alone, which is on this machine. */
function splitPlace(place: string, isJdbc: boolean, reading: Reading): PlaceParts {
  const match = /^\/\/([^/]*)(?:\/(.*))?$/s.exec(place);
  const none = { user: null, password: null, hosts: '' };
  if (match === null) {
    const database = place.replace(/^\//, '');
    if (!isJdbc || /[/@:#]/.test(database)) reading.complainOfShape(`must be ${RIGHT}`);
    return { ...none, database: reading.decode(database) || null, shown: place };
  }
  const [, authority = '', path = ''] = match;
  const [before = '', hosts, ...more] = authority.includes('@') ? authority.split('@') : ['', authority];
  const isAmbiguous = more.length > 0 || /[/@#]/.test(path) || authority.includes('#');
  if (isAmbiguous) reading.complainOfShape(`must be ${RIGHT} with at most one @ and no # and no further /`);
  const colon = before.indexOf(':');
  const [user, password] = colon < 0 ? [before, ''] : [before.slice(0, colon), before.slice(colon + 1)];
  const shownUser = authority.includes('@') ? `${user}${password === '' ? '' : `:${MASK}`}@` : '';
  return {
    user: reading.decode(user) || null,
    password: reading.decode(password) || null,
    hosts: hosts ?? '',
    database: reading.decode(path) || null,
    shown: `//${shownUser}${hosts ?? ''}${match[2] === undefined ? '' : `/${path}`}`,
  };
}

interface Parameters {
  readonly used: ReadonlyMap<UsedParameter, string>;
  readonly ignored: readonly string[];
  readonly shown: string;
}

function parseParameters(query: string, isJdbc: boolean, reading: Reading): Parameters {
  const used = new Map<UsedParameter, string>();
  const ignored = new Set<string>();
  const shown: string[] = [];
  for (const [index, item] of query.split('&').entries()) {
    if (item === '') continue;
    const equals = item.indexOf('=');
    const [name, raw] = equals < 0 ? [item, ''] : [item.slice(0, equals), item.slice(equals + 1)];
    shown.push(isSecretParameter(name) ? `${name}=${MASK}` : item);
    // Where a ? in a password was not escaped, what follows it up to the @ must not be taken for something to be shown.
    if (raw.includes('@') && !isSecretParameter(name)) reading.complainOfShape('has an @ in a parameter');
    else if (isIgnoredParameter(name)) ignored.add(name);
    else if (!isUsedParameter(name)) complainOfUnknown(name, index + 1, reading);
    else if (used.has(name)) reading.complain(`has the parameter ${name} twice`);
    // In a JDBC URL a + stands for a blank, as it does in a form.
    else used.set(name, reading.decode(isJdbc ? raw.replaceAll('+', ' ') : raw));
  }
  return { used, ignored: [...ignored], shown: shown.length === 0 ? '' : `?${shown.join('&')}` };
}

/** Its name is not repeated: it may be what follows a ? or & in a password. */
function complainOfUnknown(name: string, position: number, reading: Reading): void {
  const near = nearest(name, KNOWN_PARAMETERS);
  const what = `its parameter number ${position} after the ? is not known`;
  if (near === null) reading.complainOfShape(what);
  else reading.complain(`${what}; did you mean ${near}?`);
}

function oneOf(reading: Reading, what: string, first: string | null, second: string | null): string | null {
  if (first !== null && second !== null && first !== second) reading.complain(`names its ${what} twice, differently`);
  return first ?? second;
}
