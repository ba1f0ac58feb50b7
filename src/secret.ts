/** What is shown in the place of a secret. */
export const MASK = '***';

/**
 * A secret's value in a box that cannot be printed: not by a template, not by JSON, not by `util.inspect`, not by a
 * logger that walks over fields. Only `reveal()` gives it, so that every use of a secret can be found by that word.
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The value itself. What it is handed to must not print it. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return MASK;
  }

  toJSON(): string {
    return MASK;
  }

  [Symbol.toPrimitive](): string {
    return MASK;
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return MASK;
  }
}
