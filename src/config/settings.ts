import type { OptionKey, OptionValue } from './options.ts';
import { remark, type Given, type Place, type Remark } from './problem.ts';

/** An effective value of an option and where it came from. */
export interface Setting {
  /** null: the default. */
  readonly given: Given | null;
  /** The text that was checked; a secret's is `***`. */
  readonly text: string | null;
  /** What the text became; absent when the text was wrong or there is none. */
  readonly value?: unknown;
}

/**
 * The effective values: of every option the strongest source's. `get` is undefined both for what is not set and for
 * what was wrong; a rule that must tell the two apart asks `isGiven`, so that a wrong value is complained of once.
 */
export class Settings {
  readonly #settings: ReadonlyMap<OptionKey, Setting>;
  /** The options with a suffix: the peer's name and its setting. */
  readonly peers: ReadonlyMap<string, Setting>;

  constructor(settings: ReadonlyMap<OptionKey, Setting>, peers: ReadonlyMap<string, Setting>) {
    this.#settings = settings;
    this.peers = peers;
  }

  setting(key: OptionKey): Setting {
    return this.#settings.get(key) ?? { given: null, text: null };
  }

  get<K extends OptionKey>(key: K): OptionValue<K> | undefined {
    // The value came out of this option's own schema, which is what OptionValue is made from.
    return this.setting(key).value as OptionValue<K> | undefined;
  }

  isGiven(key: OptionKey): boolean {
    return this.setting(key).given !== null;
  }

  /** A remark at the place where the key was given; at `fallback` when it was not. */
  remark(key: OptionKey, fallback: Place, message: string): Remark {
    const { given } = this.setting(key);
    return given === null ? { place: fallback, key, message } : remark(given, message);
  }
}
