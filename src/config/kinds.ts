import * as v from 'valibot';
import { SECOND_MS } from '../units.ts';
import { parseHost, parseMachine, type Machine } from './addresses.ts';
import { cronProblem } from './cron.ts';
import { parseKeyColumn, parseTableName } from './database-names.ts';
import { parsePeerKeys } from '../core/peer-keys.ts';
import { parseDatabaseUrl, shownDatabaseUrl, type DatabaseUrl } from './database-url.ts';
import { hasControl } from './parser.ts';
import { Secret } from '../secret.ts';

/** What the text of an option's value must be, and what it becomes. Every message says what would be right. */
export interface Kind<T> {
  /** What a right value is, for people: "a number of seconds, at least 0.05". */
  readonly name: string;
  readonly schema: v.GenericSchema<string, T>;
  /** Where a value may have a secret in it: how it is shown when it is right. One that is wrong is not shown. */
  readonly shown?: (text: string) => string;
}

/** A day and a week bound what is meant to be waited for; a longer wait is a slip of the keyboard. */
export const DAY_SECONDS = 86_400;
export const WEEK_SECONDS = 7 * DAY_SECONDS;

const DECIMAL = /^([0-9]{1,15}(\.[0-9]{0,15})?|\.[0-9]{1,15})$/;

/** A text with a rule of its own: the rule gives the value, or the reason why there is none, as an Error. */
function ruled<T>(name: string, rule: (text: string) => T | Error): Kind<T> {
  const schema = v.pipe(
    v.string(),
    v.rawTransform<string, T>(({ dataset, addIssue, NEVER }) => {
      const result = rule(dataset.value);
      if (!(result instanceof Error)) return result;
      addIssue({ message: result.message });
      return NEVER;
    }),
  );
  return { name, schema };
}

function decimal(min: number, max: number, message: string): v.GenericSchema<string, number> {
  return v.pipe(
    v.string(),
    v.regex(DECIMAL, message),
    v.transform(Number),
    v.minValue(min, message),
    v.maxValue(max, message),
  );
}

/** Seconds in the file, milliseconds in the program. */
export function seconds(min: number, max: number): Kind<number> {
  const name = `a number of seconds from ${min} to ${max}`;
  return {
    name,
    schema: v.pipe(
      decimal(min, max, `must be ${name}`),
      v.transform((value) => Math.round(value * SECOND_MS)),
    ),
  };
}

/** An interval of an exchange in milliseconds; Infinity from `offFrom` seconds, which switch the exchange off. */
export function interval(min: number, offFrom: number): Kind<number> {
  const name = `a number of seconds, at least ${min} (${offFrom} or more: off)`;
  const toMs = (value: number): number => (value >= offFrom ? Infinity : Math.round(value * SECOND_MS));
  return { name, schema: v.pipe(decimal(min, 1e12, `must be ${name}`), v.transform(toMs)) };
}

export function integer(min: number, max: number): Kind<number> {
  const name = `a whole number from ${min} to ${max}`;
  const message = `must be ${name}`;
  const schema = v.pipe(
    v.string(),
    v.regex(/^[0-9]{1,16}$/, message),
    v.transform(Number),
    v.minValue(min, message),
    v.maxValue(max, message),
  );
  return { name, schema };
}

/** A port to listen on; 0 lets the system choose one. */
export const port = integer(0, 65_535);

export const boolean: Kind<boolean> = {
  name: 'true or false',
  schema: v.pipe(
    v.string(),
    v.toLowerCase(),
    v.picklist(['true', 'false'], 'must be true or false'),
    v.transform((text) => text === 'true'),
  ),
};

export function oneOf<const T extends string>(...values: readonly T[]): Kind<T> {
  const name = `${values.slice(0, -1).join(', ')} or ${values.at(-1) ?? ''}`;
  return { name, schema: v.pipe(v.string(), v.picklist(values, `must be ${name}`)) };
}

export const operationMode: Kind<'active' | 'passive'> = {
  name: '1 (active) or 0 (passive)',
  schema: v.pipe(
    v.string(),
    v.picklist(['1', '0'], 'must be 1 (active) or 0 (passive)'),
    v.transform((text) => (text === '1' ? 'active' : 'passive')),
  ),
};

const DATA_CENTER = '1 to 64 of A-Z a-z 0-9 . _ -, beginning with a letter or digit';
export const dataCenterName: Kind<string> = {
  name: DATA_CENTER,
  schema: v.pipe(v.string(), v.regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, `must be ${DATA_CENTER}`)),
};

const NAMES_MAX = 64;
/** Names of data centres, each once, the order of which means something. */
export const dataCenterNames = ruled<readonly string[]>('names of data centres, separated by commas', (text) => {
  const names = text.split(',').map((name) => name.trim());
  const wrong = names.find((name) => !v.safeParse(dataCenterName.schema, name).success);
  if (wrong === '') return new Error('must be names of data centres, with one comma between two of them');
  if (wrong !== undefined) return new Error(`must be names of data centres, each ${DATA_CENTER}`);
  const twice = names.find((name, index) => names.indexOf(name) < index);
  if (twice !== undefined) return new Error(`names ${twice} twice; each data centre has one place`);
  return names.length <= NAMES_MAX ? names : new Error(`must name at most ${NAMES_MAX} data centres`);
});

/** The interface has a third, which this version refuses by its name: nobody must believe to have it. */
export const takeoverPolicy = ruled('automatic or manual', (text) => {
  if (text === 'automatic' || text === 'manual') return text;
  const reason = text === 'arbitrated' ? ': arbitrated needs a later version of this program' : '';
  return new Error(`must be automatic or manual${reason}`);
});

/** Text that people read and that travels in headers. */
export const shortText = ruled('a text of 1 to 200 characters', (text) =>
  text !== '' && text.length <= 200 && text.isWellFormed() && !hasControl(text)
    ? text
    : new Error('must be a text of 1 to 200 characters without control characters'),
);

export const path = ruled('a path', (text) => {
  // The quotes of a shell would become part of the folder's name, and nobody would look for it there.
  if (/^["'].*["']$/.test(text)) return new Error('must be a path without quotes around it');
  return text !== '' && text.length <= 4096 ? text : new Error('must be a path of 1 to 4096 characters');
});

/** What an address of a Unix socket has room for (sun_path of unix(7) is 108 with its end). A longer one would be cut. */
const SOCKET_PATH_MAX_BYTES = 107;
export const socketPath = ruled(`a path of at most ${SOCKET_PATH_MAX_BYTES} bytes`, (text) => {
  if (/^["'].*["']$/.test(text)) return new Error('must be a path without quotes around it');
  if (/^unix:/i.test(text)) return new Error('must be a path, without unix: before it');
  return text !== '' && Buffer.byteLength(text) <= SOCKET_PATH_MAX_BYTES
    ? text
    : new Error(`must be a path of 1 to ${SOCKET_PATH_MAX_BYTES} bytes: the address of a Unix socket has no more room`);
});

export const command = ruled('a command line for /bin/sh', (text) =>
  text.length <= 8192 ? text : new Error('must be a command line of at most 8192 characters'),
);

export const url = ruled('an http:// or https:// URL without user and password', (text) => {
  const right = new Error('must be an http:// or https:// URL');
  if (!URL.canParse(text) || text.length > 2048) return right;
  const { protocol, username, password, href } = new URL(text);
  if (protocol !== 'http:' && protocol !== 'https:') return right;
  // They would be printed wherever the URL is, and nothing sends them.
  return username + password === '' ? href : new Error('must be an http:// or https:// URL without user and password');
});

export const cron = ruled('a cron expression of 5 fields, or 6 with the second first', (text) => {
  const normal = text.split(/\s+/).join(' ');
  const problem = cronProblem(normal);
  return problem === null ? normal : new Error(`must be a cron expression; ${problem}`);
});

export const host = ruled('a host name or an IP address', (text) => {
  const bare = /^\[(.*)\]$/.exec(text)?.[1] ?? text;
  return parseHost(bare) ?? new Error('must be a host name or an IP address, without a port');
});

const MACHINES_MAX = 64;
export const machines = ruled<readonly Machine[]>('host or host:port, separated by commas', (text) => {
  // The toolkit took no notice of an empty name between two commas.
  const items = text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
  if (items.length === 0) return new Error('must name at least one machine: host or host:port, separated by commas');
  if (items.length > MACHINES_MAX) return new Error(`must name at most ${MACHINES_MAX} machines`);
  const parsed = items.map(parseMachine);
  const problem = parsed.find((item) => typeof item === 'string');
  return problem === undefined ? parsed.filter((item) => typeof item !== 'string') : new Error(problem);
});

/** Visible ASCII: what fits into an Authorization header. Its messages must not repeat it. */
export const token = ruled('a text without blanks', (text) =>
  /^[\x21-\x7e]{1,4096}$/.test(text)
    ? new Secret(text)
    : new Error('must be 1 to 4096 visible ASCII characters without blanks'),
);

/** A password has no form that could be asked for, but a file that is something else altogether is none. */
export const password = ruled('a text of at most 1000 characters', (text) =>
  text !== '' && text.length <= 1000 && !text.includes('\0')
    ? new Secret(text)
    : new Error('must be a text of 1 to 1000 characters'),
);

/** The keys as they were written: they are taken apart once more whenever their file changes. */
export const peerKeys = ruled('one or more keys of at least 32 characters, separated by commas or lines', (text) => {
  const keys = parsePeerKeys(text);
  return keys instanceof Error ? keys : new Secret(text);
});

export const databaseUser = ruled('the name of a user', (text) =>
  text !== '' && Buffer.byteLength(text) <= 63 && text.isWellFormed() && !hasControl(text)
    ? text
    : new Error('must be the name of a user, 1 to 63 bytes without control characters'),
);

export const databaseUrl: Kind<DatabaseUrl> = {
  ...ruled('jdbc:postgresql://HOST:PORT/DATABASE', parseDatabaseUrl),
  shown: shownDatabaseUrl,
};

export const tableName = ruled('NAME or SCHEMA.NAME', parseTableName);
export const keyColumn = ruled('the name of a column', parseKeyColumn);

/** Of a key that has no effect, nothing is known but that it is a text. */
export const anyText: Kind<string> = { name: 'text', schema: v.string() };
