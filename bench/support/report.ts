/** One line of the table at the end: a figure beside its baseline, both measured in this run. */
export interface Row {
  readonly name: string;
  readonly figure: string;
  readonly baseline: string;
  readonly ratio: string;
  /** What an acceptance line demands; null where none does. */
  readonly demand: string | null;
  readonly holds: boolean | null;
}

export function row(
  name: string,
  parts: { figure: string; baseline: string; ratio: string; demand?: string; holds?: boolean },
): Row {
  return {
    name,
    figure: parts.figure,
    baseline: parts.baseline,
    ratio: parts.ratio,
    demand: parts.demand ?? null,
    holds: parts.holds ?? null,
  };
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The value below which the given part of the values lies. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? NaN;
}

export function ms(value: number): string {
  return `${value.toFixed(value < 10 ? 2 : 0)} ms`;
}

export function printTable(rows: readonly Row[]): void {
  const cells = rows.map((one) => [
    one.name,
    one.figure,
    one.baseline,
    one.ratio,
    one.demand ?? '',
    one.holds === null ? '' : one.holds ? 'holds' : 'DOES NOT HOLD',
  ]);
  const table = [['benchmark', 'figure', 'baseline', 'ratio', 'demand', ''], ...cells];
  const widths = (table[0] ?? []).map((_, column) => Math.max(...table.map((line) => (line[column] ?? '').length)));
  for (const line of table)
    console.log(
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    );
}
