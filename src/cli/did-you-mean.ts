import { nearest } from '../config/suggest.ts';

/** `; did you mean "X"?` with the known word that a mistyped or shortened one most likely meant, or nothing. */
export function didYouMean(word: string, known: readonly string[]): string {
  const completions = word.length < 2 ? [] : known.filter((candidate) => candidate.startsWith(word));
  const meant = completions.length === 1 ? completions[0] : nearest(word, known);
  return meant === undefined || meant === null ? '' : `; did you mean "${meant}"?`;
}
