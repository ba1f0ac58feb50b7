import { parse as parseDotenv } from 'dotenv';
import { KNOWN_NAMES, OPTION_KEYS, optionOf } from './options.ts';
import { RANK, type Given, type Place, type Remark } from './problem.ts';
import { nearest } from './suggest.ts';

const PREFIX = 'CROSSDC_';

/** Where the operator commands find the gateway: the CLI's own, and none of our keys. */
const OF_THE_CLI: ReadonlySet<string> = new Set(['CROSSDC_URL', 'CROSSDC_TOKEN']);

/** `crossDCHttpPort` -> `CROSSDC_CROSS_DC_HTTP_PORT`: UPPER_SNAKE_CASE, a run of capitals one word. */
export function environmentName(key: string): string {
  const words = key.replace(/([a-z0-9])([A-Z])/g, '$1_$2').replace(/([A-Z])([A-Z][a-z])/g, '$1_$2');
  return PREFIX + words.toUpperCase();
}

/** Every variable of ours and the key that it stands for. */
const ENVIRONMENT_NAMES: ReadonlyMap<string, string> = new Map(
  KNOWN_NAMES.map((name) => [environmentName(name), name]),
);

/** The variable that takes a peer's name as a suffix, and the key it stands for. A suffix stays as it is written. */
const SUFFIXED = OPTION_KEYS.filter((key) => optionOf(key).takesPeer === true);

function keyOf(variable: string): string | null {
  const known = ENVIRONMENT_NAMES.get(variable);
  if (known !== undefined) return known;
  for (const key of SUFFIXED) {
    const start = `${environmentName(key)}.`;
    if (variable.startsWith(start)) return `${key}.${variable.slice(start.length)}`;
  }
  return null;
}

export interface Gathered {
  readonly given: readonly Given[];
  readonly problems: readonly Remark[];
  readonly warnings: readonly Remark[];
}

type Variables = Readonly<Record<string, string | undefined>>;

/** The keys that the environment gives. An unknown `CROSSDC_` variable is a warning: it may be another program's. */
export function readEnvironment(variables: Variables): Gathered {
  return readVariables(variables, () => ({ rank: RANK.environment, name: 'environment', line: null }));
}

/**
 * The keys that a `.env` file gives. dotenv drops what it does not like and takes the last of two equal names, both in
 * silence; so the lines are looked over once more, for their numbers and for what was dropped.
 */
export function readDotenv(text: string, file: string): Gathered {
  const lines = new Map<string, number>();
  const twice: Remark[] = [];
  const at = (line: number | null): Place => ({ rank: RANK.dotenv, name: file, line });
  for (const [index, row] of text.split(/\r\n|\n|\r/).entries()) {
    const name = /^\s*(?:export\s+)?(CROSSDC_[^\s=:]*)/.exec(row)?.[1];
    if (name === undefined) continue;
    const before = lines.get(name);
    if (before !== undefined) {
      twice.push({
        place: at(index + 1),
        key: name,
        message: `is given twice, first on line ${before}; the last one counts`,
      });
    }
    lines.set(name, index + 1);
  }
  const variables = parseDotenv(text);
  const dropped = [...lines]
    .filter(([name]) => !Object.hasOwn(variables, name))
    .map(([name, line]) => ({
      place: at(line),
      key: name,
      message: 'is no NAME=value that a .env file may have, and was left out',
    }));
  const gathered = readVariables(variables, (name) => at(lines.get(name) ?? null));
  return { ...gathered, warnings: [...gathered.warnings, ...twice, ...dropped] };
}

function readVariables(variables: Variables, placeOf: (variable: string) => Place): Gathered {
  const given: Given[] = [];
  const warnings: Remark[] = [];
  for (const [variable, value] of Object.entries(variables)) {
    if (value === undefined || !variable.startsWith(PREFIX) || OF_THE_CLI.has(variable)) continue;
    const place = placeOf(variable);
    const key = keyOf(variable);
    if (key !== null) {
      given.push({ key, written: variable, value: value.trim(), place });
      continue;
    }
    const near = nearest(variable, ENVIRONMENT_NAMES.keys());
    const hint = near === null ? '' : `; did you mean ${near}?`;
    warnings.push({ place, key: variable, message: `is no variable of this program and was ignored${hint}` });
  }
  return { given, problems: [], warnings };
}
