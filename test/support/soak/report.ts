/** What a soak did, what it found, and whether that is well. */
export interface Report {
  readonly verdict: 'ok' | 'failed';
  readonly seed: number;
  readonly minutes: number;
  readonly store: string;
  /** Of the whole run, and of the settling at its end alone. */
  readonly seconds: number;
  readonly settledSeconds: number;
  readonly posts: number;
  readonly accepted: number;
  readonly acceptedBytes: number;
  readonly withdrawals: number;
  readonly refused: number;
  readonly uncertain: number;
  /** Answers by status and reason, beside the plain 202. */
  readonly answers: Readonly<Record<string, number>>;
  /** What was done to each part. */
  readonly faults: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly starts: Readonly<Record<string, number>>;
  /** What the gateways did meanwhile, over all of them. */
  readonly replicated: number;
  readonly deaths: number;
  /** Takeovers, and what came home after them. */
  readonly ownerChanges: number;
  /** Two worked at one time, as one line says, and somebody was told: the acknowledgements at both sides. */
  readonly conflicts: number;
  readonly absorbed: number;
  readonly storeErrors: number;
  readonly polls: number;
  readonly reads: number;
  /** Compared byte for byte at the end. */
  readonly comparedOrigins: number;
  readonly comparedBytes: number;
  readonly footprints: Readonly<Record<string, { readonly end: Footprint; readonly fresh: Footprint }>>;
  /** The first of them; `problemCount` says how many there were. */
  readonly problems: readonly string[];
  readonly problemCount: number;
  /** Where everything lies; null when nothing was kept. */
  readonly folder: string | null;
}

/** What one gateway takes of its machine. */
export interface Footprint {
  readonly residentBytes: number;
  readonly openFiles: number;
}

const MIB = 1 << 20;

/** The report for people. */
export function reportText(report: Report): string {
  const rows: [string, string][] = [
    ['seed', `${report.seed}, ${report.minutes} min, held store of dc2: ${report.store}`],
    ['posts', `${report.posts}: ${report.accepted} accepted, ${report.refused} refused, ${report.uncertain} uncertain`],
    ['accepted', `${inMib(report.acceptedBytes)}; ${report.withdrawals} posts were withdrawals`],
    ['answers', countsText(report.answers)],
    ...Object.entries(report.faults).map(([part, counts]): [string, string] => [`done to ${part}`, countsText(counts)]),
    ['starts', countsText(report.starts)],
    ['replicated', `${report.replicated} snapshots`],
    ['deaths', `${report.deaths} declared, ${report.absorbed} snapshots delivered and absorbed`],
    ['owners', `${report.ownerChanges} changes, ${report.conflicts} conflicts acknowledged`],
    ['store errors', String(report.storeErrors)],
    ['watched', `${report.polls} polls, ${report.reads} snapshots read`],
    ['compared', `${report.comparedOrigins} origins, ${inMib(report.comparedBytes)}, byte for byte`],
    ...Object.entries(report.footprints).map(([name, { end, fresh }]): [string, string] => [
      `${name} at the end`,
      `${inMib(end.residentBytes)}, ${end.openFiles} files; fresh: ${inMib(fresh.residentBytes)}, ${fresh.openFiles} files`,
    ]),
    ['time', `${report.seconds} s, of which ${report.settledSeconds} s until everything had settled`],
    ['verdict', report.verdict],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  const table = rows.map(([name, text]) => `${name.padEnd(width)}  ${text}`);
  const problems = report.problems.map((problem) => `  - ${problem}`);
  if (report.problemCount > problems.length) problems.push(`  … ${report.problemCount - problems.length} more`);
  if (problems.length > 0) table.push(`${report.problemCount} problems:`, ...problems);
  if (report.folder !== null) table.push(`everything is kept in ${report.folder}`);
  return table.join('\n');
}

function countsText(counts: Readonly<Record<string, number>>): string {
  const texts = Object.entries(counts).map(([name, count]) => `${name} × ${count}`);
  return texts.length === 0 ? 'none' : texts.join(', ');
}

function inMib(bytes: number): string {
  return `${Math.round(bytes / MIB)} MiB`;
}
