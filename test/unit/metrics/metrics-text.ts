/** The series of a Prometheus text, as `name{labels}` and value; comments left out. */
export function seriesOf(text: string): ReadonlyMap<string, number> {
  const series = new Map<string, number>();
  for (const line of text.split('\n')) {
    const match = /^([a-zA-Z_:][a-zA-Z0-9_:]*(?:\{.*\})?) (\S+)$/.exec(line);
    if (match?.[1] !== undefined) series.set(match[1], Number(match[2]));
  }
  return series;
}

export interface Described {
  readonly name: string;
  readonly help: string;
  readonly type: string;
}

/** Each metric with its HELP and TYPE. */
export function familiesOf(text: string): readonly Described[] {
  const help = new Map<string, string>();
  const families: Described[] = [];
  for (const line of text.split('\n')) {
    const [, kind, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) ?(.*)$/.exec(line) ?? [];
    if (kind === 'HELP') help.set(name, rest);
    if (kind === 'TYPE') families.push({ name, help: help.get(name) ?? '', type: rest });
  }
  return families;
}
