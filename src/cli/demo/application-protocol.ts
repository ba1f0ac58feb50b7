import type { BookSummary } from './order-books.ts';

/** What the demo asks of an application, over the channel to its child process, and what comes back. */
export type Ask =
  /** An order comes in each so many milliseconds; null: none come in. */
  { readonly kind: 'trade'; readonly everyMs: number | null } | { readonly kind: 'state' };

export interface Question {
  readonly id: number;
  readonly ask: Ask;
}

/** A workload that the application works on, and the epoch that it hands to whatever it writes to. */
export interface Work {
  readonly workload: string;
  readonly epoch: number;
}

export interface ApplicationState {
  /** Whether the gateway's event stream is open. */
  readonly isSubscribed: boolean;
  readonly working: readonly Work[];
  readonly books: readonly BookSummary[];
}

/** To every question, in the order of the questions: the state after it was done. */
export interface Reply {
  readonly id: number;
  readonly state: ApplicationState;
}
