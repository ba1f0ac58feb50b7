import type { HeldView, OutgoingView } from '../../ports/gateway-api.ts';
import { asHeldRows, asOutgoingRows } from '../answers.ts';
import { parseCommandLine, type Command } from '../command.ts';
import { printable } from '../display-width.ts';
import { EXIT } from '../exit-status.ts';
import { formatAge, formatBytes } from '../format.ts';
import { writeJson, writeLine } from '../io.ts';
import { LocalApi } from '../local-api.ts';
import { table } from '../table.ts';
import { resolveTarget, TARGET_HELP, TARGET_OPTIONS } from '../target.ts';
import { everythingTable, readEverything } from './everything.ts';
import { segment, withQuery } from './paths.ts';

const GRAMMAR = {
  name: 'snapshots list',
  options: {
    ...TARGET_OPTIONS,
    held: { type: 'string' },
    all: { type: 'boolean' },
    workload: { type: 'string' },
    json: { type: 'boolean' },
  },
  positionals: [],
} as const;

export const listCommand: Command = {
  help: `\
crossdc snapshots list [--held PEER] [--all] [--workload W] [--json]

Lists the newest snapshot of each origin: outgoing ones, or what is held from a peer.

  --held PEER        what is held from PEER
  --all              every version that is stored, where it is, since when and why: outgoing ones, those that peers
                     gave back, and what is held from every peer (with --held: from PEER), then what was damaged and
                     is kept
  --workload W       only this workload's, and nothing of what was damaged
  --json             one JSON document
${TARGET_HELP}`,
  async run(argv, io) {
    const { values } = parseCommandLine(GRAMMAR, argv);
    const api = new LocalApi(await resolveTarget(values, io));
    if (values.all === true && values.held === undefined) {
      const everything = await readEverything(api, values.workload);
      if (values.json === true) await writeJson(io.stdout, everything.answer);
      else for (const line of everythingTable(everything, io.wallMs())) await writeLine(io.stdout, line);
      for (const problem of everything.missing) await writeLine(io.stderr, `crossdc: not listed: ${problem}`);
      return everything.missing.length === 0 ? EXIT.done : EXIT.failed;
    }
    const history = values.all === true ? 'true' : undefined;
    const path = values.held === undefined ? '/v1/snapshots' : `/v1/peers/${segment(values.held, '--held')}/snapshots`;
    const answer = await api.json({ path: withQuery(path, { history, workload: values.workload }) });
    const lines =
      values.held === undefined
        ? outgoingTable(asOutgoingRows(api.target, answer), io.wallMs())
        : heldTable(asHeldRows(api.target, answer), io.wallMs(), values.all === true);
    if (values.json === true) await writeJson(io.stdout, answer);
    else for (const line of lines) await writeLine(io.stdout, line);
    return EXIT.done;
  },
};

function outgoingTable(rows: readonly OutgoingView[], wallMs: number): string[] {
  return table(
    ['ORIGIN', 'WORKLOAD', '>VERSION', '>BYTES', '>AGE', 'REPLICATION', 'POSITION', 'LABELS', 'SHA256'],
    rows.map((row) => [
      printable(row.origin),
      printable(row.workload),
      String(row.version),
      row.withdrawn ? 'withdrawn' : formatBytes(row.bytes),
      formatAge(row.takenAt, wallMs),
      replicationText(row),
      printable(row.position ?? '-'),
      labelsText(row.labels),
      printable(row.sha256.slice(0, 12)),
    ]),
  );
}

function heldTable(rows: readonly HeldView[], wallMs: number, hasWhy: boolean): string[] {
  const why = hasWhy ? ['>SINCE', 'WHY'] : [];
  return table(
    ['ORIGIN', 'WORKLOAD', '>VERSION', '>BYTES', '>AGE', 'STATE', ...why, 'POSITION', 'LABELS', 'SHA256'],
    rows.map((row) => [
      printable(row.origin),
      printable(row.workload),
      String(row.version),
      formatBytes(row.bytes),
      formatAge(row.takenAt, wallMs),
      row.state,
      ...(hasWhy ? [formatAge(row.placedAt, wallMs), printable(row.reason ?? '-')] : []),
      printable(row.position ?? '-'),
      labelsText(row.labels),
      printable(row.sha256.slice(0, 12)),
    ]),
  );
}

/** "dc2 stored, dc3 pending", or a dash when there is no peer yet. */
export function replicationText({ replication }: Pick<OutgoingView, 'replication'>): string {
  return replication.length === 0
    ? '-'
    : printable(replication.map(({ peer, state }) => `${peer} ${state}`).join(', '));
}

function labelsText(labels: Readonly<Record<string, string>>): string {
  const words = Object.entries(labels).map(([name, value]) => `${name}=${value}`);
  return words.length === 0 ? '-' : printable(words.join(' '));
}
