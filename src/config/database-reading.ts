import { hasControl } from './parser.ts';

const ESCAPES = 'in a name or a password % is written %25, / %2F, ? %3F, # %23, @ %40 and : %3A';

/** A text that was taken apart, and what is wrong with it. Nothing of the text itself: any part may be of a password. */
export class Reading {
  readonly #problems: string[] = [];
  #isUnescaped = false;

  /** Everything that is wrong, in one line; null when nothing is. */
  get outcome(): string | null {
    const all = this.#isUnescaped ? [...this.#problems, ESCAPES] : this.#problems;
    return all.length === 0 ? null : all.join('; ');
  }

  /** Says what a character that should have been escaped would lead to. */
  complainOfShape(problem: string): void {
    this.complain(problem);
    this.#isUnescaped = true;
  }

  complain(problem: string): void {
    if (!this.#problems.includes(problem)) this.#problems.push(problem);
  }

  /** Percent-decodes; of what cannot be decoded nothing is left. */
  decode(text: string): string {
    try {
      const decoded = decodeURIComponent(text);
      if (!hasControl(decoded)) return decoded;
      this.complain('has a control character');
    } catch {
      this.complainOfShape('has a % that stands for no character');
    }
    return '';
  }
}
