import type { HistoryEntry } from '../ports/ownership-api.ts';
import { printable } from './display-width.ts';

/** Room for the longest kind of decision, so that what follows stands in one column. */
const KIND_COLUMNS = 12;
/** An input longer than this is what --json is for. */
const INPUT_CHARS = 80;

/** A decision on one line for people: when, what, of whom, by whom, how it ended, and from what it was made. */
export function historyLine(entry: HistoryEntry): string {
  const { at, kind, workload, dataCenter, actor, outcome, inputs, steps } = entry;
  const about = [workload, dataCenter].filter((name) => name !== null).join(' ') || '-';
  const facts = Object.entries(inputs).flatMap(([name, value]) => fact(name, value));
  const took = steps.map(({ step, seconds }) => `${step} +${seconds.toFixed(1)}s`).join(', ');
  const words = [`${at}  ${kind.padEnd(KIND_COLUMNS)}  ${about}: ${outcome}, by ${actor}`];
  if (took !== '') words.push(`[${took}]`);
  return printable([...words, ...facts].join(' ').trimEnd());
}

/** `name=value`, of an object each part by its own name; what is null says nothing. */
function fact(name: string, value: unknown): string[] {
  if (value === null || value === undefined) return [];
  if (typeof value === 'object' && !Array.isArray(value)) {
    return Object.entries(value).flatMap(([part, inner]) =>
      inner === null || inner === undefined ? [] : [`${name}.${part}=${word(inner)}`],
    );
  }
  return [`${name}=${word(value)}`];
}

/** Quoted where it would not stand as one word, and cut where it would be the whole line. */
function word(value: unknown): string {
  const text = typeof value === 'string' && /^[^\s"=,]+$/.test(value) ? value : JSON.stringify(value);
  return text.length > INPUT_CHARS ? `${text.slice(0, INPUT_CHARS)}…` : text;
}
