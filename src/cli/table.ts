import { displayWidth } from './display-width.ts';

/** Lines whose columns are aligned by display width: two spaces between, none at a line's end. */
export function alignColumns(rows: readonly (readonly string[])[], right: ReadonlySet<number> = new Set()): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, displayWidth(cell));
    });
  }
  return rows.map((row) =>
    row
      .map((cell, column) => {
        const padding = ' '.repeat(Math.max(0, (widths[column] ?? 0) - displayWidth(cell)));
        return right.has(column) ? padding + cell : cell + padding;
      })
      .join('  ')
      .trimEnd(),
  );
}

/** A table for people: a heading, then the rows. Columns whose heading begins with `>` are aligned to the right. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const right = new Set(headings.flatMap((heading, column) => (heading.startsWith('>') ? [column] : [])));
  return alignColumns([headings.map((heading) => heading.replace(/^>/, '')), ...rows], right);
}
