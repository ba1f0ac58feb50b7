import type { GatewayEvent } from '../../core/events.ts';
import { Journal, type JournalKind, type JournalOptions } from './journal.ts';
import { parseEntry } from './journal-lines.ts';

export type FileEventLogOptions = JournalOptions;

const EVENTS: JournalKind<GatewayEvent> = {
  store: 'events',
  parse: (line) => parseEntry(line, ['type']) as GatewayEvent | null,
};

/** The event log as a journal in files. */
export type FileEventLog = Journal<GatewayEvent>;
export const FileEventLog = {
  open: (options: FileEventLogOptions): Promise<FileEventLog> => Journal.open(options, EVENTS),
};
