import type { OwnershipView } from '../ports/ownership-api.ts';
import { printable } from './display-width.ts';
import { formatAge, formatDuration, count, yesNo } from './format.ts';
import { rowLines, type Onlooker } from './ownership-advice.ts';
import type { Paint } from './paint.ts';
import { table } from './table.ts';
import { SECOND_MS } from '../units.ts';

/** As the interface names them (§8). */
const HEADINGS = ['workload', 'owner', 'attached', 'application', 'since', 'epoch', 'behind'];

interface Look {
  /** Whose gateway answered. */
  readonly here: string;
  readonly peers: Onlooker['peers'];
  readonly wallMs: number;
  readonly paint: Paint;
}

/** Who owns the work, a row each; under the table what somebody should know or do. */
export function renderOwnership(rows: readonly OwnershipView[], look: Look): string[] {
  const { here, peers, wallMs, paint } = look;
  const ageOf = (at: string): string => formatAge(at, wallMs);
  const lines = rows.flatMap((row) => rowLines(row, { here, peers, ageOf }));
  return [
    ...table(
      HEADINGS,
      rows.map((row) => cells(row, look)),
    ),
    ...lines.map((line) => paint(printable(line), 'doubtful')),
  ];
}

function cells(row: OwnershipView, { wallMs, paint }: Look): string[] {
  const { workload, owner, local, contestedBy, since, epoch, behind } = row;
  const contested = contestedBy === null ? '' : paint(` (${printable(contestedBy.owner)})`, 'bad');
  const { applicationStatus: status } = local;
  return [
    printable(workload),
    paint(printable(owner), row.primary ? 'good' : 'faint') + contested,
    yesNo(local.attached),
    status === 'critical' ? paint(status, 'bad') : status,
    formatAge(since, wallMs),
    String(epoch),
    behindText(behind, paint),
  ];
}

/** What the peer that lacks most of it lacks; `-` where it is not ours, and nobody here knows. */
function behindText(behind: OwnershipView['behind'], paint: Paint): string {
  if (behind === null) return '-';
  if (behind.versions === 0) return 'none';
  return paint(`${count(behind.versions, 'version')}, ${formatDuration(behind.seconds * SECOND_MS)}`, 'doubtful');
}
