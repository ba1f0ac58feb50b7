import { validate } from 'node-cron';

interface Field {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  /** Three-letter names, the first of which stands for `min`. */
  readonly names?: readonly string[];
  /** What this field may hold beyond numbers, ranges and steps. */
  readonly special?: RegExp;
}

const SECOND: Field = { name: 'second', min: 0, max: 59 };
const FIELDS: readonly Field[] = [
  { name: 'minute', min: 0, max: 59 },
  { name: 'hour', min: 0, max: 23 },
  {
    name: 'day of the month',
    min: 1,
    max: 31,
    special: /^(\?|L|L-([1-9]|[12][0-9]|30)|LW|([1-9]|[12][0-9]|3[01])W)$/i,
  },
  {
    name: 'month',
    min: 1,
    max: 12,
    names: ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'],
  },
  {
    name: 'day of the week',
    min: 0,
    max: 7,
    special: /^(\?|[0-7]L|[0-7]#[1-5])$/i,
    names: ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'],
  },
];
const NICKNAME = /^@(yearly|annually|monthly|weekly|daily|midnight|hourly)$/i;

/**
 * Why a text is no cron expression, or null when it is one. The library's own check lets a step of 999 minutes and the
 * range `5-1` through, which would run at other times than the operator thinks; so ranges are checked here first. What
 * the library would never run (the 31st of February) is refused as well.
 */
export function cronProblem(expression: string): string | null {
  if (NICKNAME.test(expression)) return null;
  const parts = expression.split(/\s+/);
  if (parts.length !== 5 && parts.length !== 6) {
    return 'must have 5 fields (minute, hour, day of the month, month, day of the week), or 6 with the second first';
  }
  const fields = parts.length === 6 ? [SECOND, ...FIELDS] : FIELDS;
  for (const [index, field] of fields.entries()) {
    for (const item of (parts[index] ?? '').split(',')) {
      const problem = itemProblem(item, field);
      if (problem !== null) return `${field.name} ${JSON.stringify(item)}: ${problem}`;
    }
  }
  return validate(expression) ? null : 'must name a time that comes';
}

function itemProblem(item: string, field: Field): string | null {
  if (field.special?.test(item) === true) return null;
  const [, range, stepText] = /^([^/]+)(?:\/([0-9]{1,4}))?$/.exec(item) ?? [];
  if (range === undefined) return 'must be a number, a range a-b, * or one of these with a step /n';
  const step = stepText === undefined ? 1 : Number(stepText);
  if (step < 1 || step > field.max) return `the step must be 1 to ${field.max}`;
  if (range === '*') return null;
  const ends = range.split('-').map((text) => numberOf(text, field));
  const [first, last] = ends;
  if (first === undefined || ends.length > 2) return 'must be a number, a range a-b, * or one of these with a step /n';
  if (ends.some((end) => !(end >= field.min && end <= field.max))) return `must lie in ${field.min} to ${field.max}`;
  if (last === undefined) return stepText === undefined ? null : 'a step needs a range or *';
  return first > last ? 'the range must go upwards; write two ranges with a comma between them' : null;
}

function numberOf(text: string, field: Field): number {
  const index = field.names?.indexOf(text.toLowerCase()) ?? -1;
  if (index >= 0) return field.min + index;
  return /^[0-9]{1,2}$/.test(text) ? Number(text) : NaN;
}
