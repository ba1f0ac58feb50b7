import type { Kind } from './kinds.ts';

/** What an operator wants to know of an option before changing it. */
interface OptionDoc {
  /** Whole sentences. */
  readonly meaning: string;
  /** What a greater value does; absent where there is no greater and smaller. */
  readonly raising?: string;
  readonly lowering?: string;
}

/**
 * One option. The table of them is the only place that knows an option: parser, checks, help, sample files and
 * docs/configuration.md all come from it.
 */
export interface Option<T = unknown> {
  /** `toolkit`: a key of the IBM Streams crossdc-failover toolkit, with its meaning. */
  readonly group: 'toolkit' | 'ours';
  readonly kind: Kind<T>;
  /** As it would stand in a file; null when there is none. */
  readonly default: string | null;
  /** Where the default is no fixed text: how it comes about. */
  readonly defaultSays?: string;
  readonly unit: 'seconds' | 'bytes' | null;
  readonly isRequired?: true;
  /** Never printed, and may also be given as `KFile`, the path of a file that holds it. */
  readonly isSecret?: true;
  /** The value is the path of a file that holds a secret: who else may read that file is looked at. */
  readonly namesSecretFile?: true;
  /** The key may have a suffix `.NAME`, once for each peer. */
  readonly takesPeer?: true;
  /** Accepted and without effect, for files that come from the toolkit. */
  readonly isIgnored?: true;
  /** For the sample files, where there is no default: a value that would be right. */
  readonly example?: string;
  readonly doc: OptionDoc;
}
