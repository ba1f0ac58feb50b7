/** A statement of `pg` by what it changes; null for what only reads, or only sets a session up. */
export function statementOf(query: unknown): string | null;
