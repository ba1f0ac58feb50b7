import { dirname, join } from 'node:path';
import { selectApplication } from './app-config.ts';
import type { AccessOf } from './file-access.ts';
import { readDotenv, readEnvironment, type Gathered } from './environment.ts';
import { hasControl, parseLines } from './parser.ts';
import { RANK, type Given, type Place, type Remark } from './problem.ts';
import { tryRead, type ReadFile } from './read-file.ts';

/** Where a configuration comes from. */
export interface ConfigSources {
  readonly configFile: string | null;
  readonly appConfigFile?: string | null | undefined;
  /** The `KEY=VALUE` of each `--set`. */
  readonly set?: readonly string[] | undefined;
  /** Without it the environment gives nothing; the program hands in `process.env`. */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined;
  /** Without it files are read from the disk. */
  readonly readFile?: ReadFile | undefined;
  /** Without it the disk is asked who may read a file, unless `readFile` stands in for the disk. */
  readonly accessOf?: AccessOf | undefined;
}

/** Reads every source. What it gives is not yet checked against the table of options. */
export function gather(sources: ConfigSources, readFile: ReadFile): Gathered {
  const stronger = [
    readSet(sources.set ?? []),
    readEnvironment(sources.environment ?? {}),
    ...(sources.configFile === null
      ? []
      : [besideFile(sources.configFile, readFile), fromFile(sources.configFile, readFile)]),
  ];
  const given = stronger.flatMap((source) => source.given);
  const appConfig = sources.appConfigFile ?? null;
  const all = appConfig === null ? stronger : [...stronger, fromAppConfig(appConfig, nameIn(given), readFile)];
  const everything = all.flatMap((source) => source.given);
  return {
    given: everything.filter(({ value }) => !hasControl(value)),
    problems: [
      ...all.flatMap((source) => source.problems),
      ...controls(everything),
      ...all.flatMap((source) => duplicates(source.given)),
    ],
    warnings: all.flatMap((source) => source.warnings),
  };
}

function readSet(items: readonly string[]): Gathered {
  const place: Place = { rank: RANK.set, name: '--set', line: null };
  const given: Given[] = [];
  const problems: Remark[] = [];
  for (const item of items) {
    const equals = item.indexOf('=');
    const key = item.slice(0, Math.max(equals, 0)).trim();
    // What stands there is not repeated: it may be a secret whose key was forgotten.
    if (key === '' || hasControl(key)) problems.push({ place, key: null, message: 'is no KEY=VALUE' });
    else given.push({ key, written: key, value: item.slice(equals + 1).trim(), place });
  }
  return { given, problems, warnings: [] };
}

function fromFile(path: string, readFile: ReadFile): Gathered {
  const outcome = tryRead(readFile, path);
  if ('reason' in outcome) return unreadable(path, RANK.file, outcome.reason);
  const { lines, problems } = parseLines(outcome.text, { name: path, rank: RANK.file });
  return { given: lines.map((line) => ({ ...line, written: line.key })), problems, warnings: [] };
}

/** A `.env` in the configuration file's folder is optional; a folder of that name is somebody else's. */
function besideFile(configFile: string, readFile: ReadFile): Gathered {
  const path = join(dirname(configFile), '.env');
  const outcome = tryRead(readFile, path);
  if ('text' in outcome) return readDotenv(outcome.text, path);
  const isAbsent = ['ENOENT', 'ENOTDIR', 'EISDIR'].includes(outcome.code);
  return isAbsent ? { given: [], problems: [], warnings: [] } : unreadable(path, RANK.dotenv, outcome.reason);
}

function fromAppConfig(path: string, applicationName: string | null, readFile: ReadFile): Gathered {
  const outcome = tryRead(readFile, path);
  if ('reason' in outcome) return unreadable(path, RANK.appConfig, outcome.reason);
  const parsed = parseLines(outcome.text, { name: path, rank: RANK.appConfig });
  return { ...selectApplication(parsed, path, applicationName), warnings: [] };
}

function unreadable(name: string, rank: number, reason: string): Gathered {
  return {
    given: [],
    problems: [{ place: { rank, name, line: null }, key: null, message: `cannot be read: ${reason}` }],
    warnings: [],
  };
}

/** The application's name as the sources before the app-config file give it, the strongest first. */
function nameIn(given: readonly Given[]): string | null {
  const named = given.filter(({ key, value }) => key === 'applicationName' && value !== '');
  return (
    named.reduce<Given | null>(
      (best, next) => (best !== null && best.place.rank <= next.place.rank ? best : next),
      null,
    )?.value ?? null
  );
}

/** Files are checked line by line; an argument or a variable may hold anything. */
function controls(given: readonly Given[]): Remark[] {
  return given
    .filter(({ value }) => hasControl(value))
    .map(({ place, written }) => ({ place, key: written, message: 'has a control character in its value; remove it' }));
}

/** A key given twice in one source: nobody knows which of the two the operator looks at. */
function duplicates(given: readonly Given[]): Remark[] {
  const first = new Map<string, Given>();
  const found: Remark[] = [];
  for (const item of given) {
    const before = first.get(item.key);
    if (before === undefined) {
      first.set(item.key, item);
      continue;
    }
    const where = before.place.line === null ? '' : `, first on line ${before.place.line}`;
    found.push({ place: item.place, key: item.written, message: `is given twice${where}; keep one of the two` });
  }
  return found;
}
