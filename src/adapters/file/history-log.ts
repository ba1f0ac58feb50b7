import type { HistoryEntry } from '../../ports/ownership-api.ts';
import { Journal, type JournalKind, type JournalOptions } from './journal.ts';
import { parseEntry } from './journal-lines.ts';

const HISTORY: JournalKind<HistoryEntry> = {
  store: 'history',
  parse: (line) => parseEntry(line, ['kind', 'actor', 'outcome']) as HistoryEntry | null,
};

/** The state folder is `root`; the history has a folder of its own in it. */
export type FileHistoryLogOptions = Omit<JournalOptions, 'folder'>;

/**
 * The history of decisions as a journal in files. A decision is rare and small beside an event: within the same bounds
 * it is kept for years.
 */
export type FileHistoryLog = Journal<HistoryEntry>;
export const FileHistoryLog = {
  open: (options: FileHistoryLogOptions): Promise<FileHistoryLog> =>
    Journal.open({ ...options, folder: 'history' }, HISTORY),
};
