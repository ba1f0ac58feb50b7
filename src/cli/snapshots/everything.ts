import type { DamagedView, HeldView, OwnVersionView } from '../../ports/gateway-api.ts';
import { asDamaged, asHeldRows, asOwnVersions, asPeers } from '../answers.ts';
import { printable } from '../display-width.ts';
import { formatAge, formatBytes } from '../format.ts';
import { CliError, EXIT } from '../exit-status.ts';
import type { LocalApi } from '../local-api.ts';
import { table } from '../table.ts';
import { segment, withQuery } from './paths.ts';

/** Every version that a gateway has, and what it keeps of damaged content. */
export interface Everything {
  readonly own: readonly OwnVersionView[];
  readonly held: readonly { readonly peer: string; readonly rows: readonly HeldView[] }[];
  readonly damaged: readonly DamagedView[];
  /** What could not be had, and why; nothing of it may be taken not to be there. */
  readonly missing: readonly string[];
  /** The answers as they came, as one document. */
  readonly answer: unknown;
}

/** @param workload undefined: of every workload; otherwise nothing of damaged content, which tells of none */
export async function readEverything(api: LocalApi, workload: string | undefined): Promise<Everything> {
  const query = { history: 'true', workload };
  const missing: string[] = [];
  /** What of one store cannot be had now must not hide what the others have. */
  const unlessAway = async (what: string, path: string): Promise<unknown> => {
    try {
      return await api.json({ path });
    } catch (error) {
      if (!(error instanceof CliError) || error.status !== EXIT.failed) throw error;
      missing.push(`${what}: ${error.message}`);
      return [];
    }
  };
  const ownAnswer = await api.json({ path: withQuery('/v1/snapshots', query) });
  const own = asOwnVersions(api.target, ownAnswer);
  const held: { peer: string; rows: readonly HeldView[]; answer: unknown }[] = [];
  for (const { name } of asPeers(api.target, await api.json({ path: '/v1/peers' }))) {
    // A peer whose name is not known yet is listed by its machines, `host:port`; nothing can be held from it.
    if (name.includes(':')) continue;
    const path = withQuery(`/v1/peers/${segment(name, 'a peer')}/snapshots`, query);
    const answer = await unlessAway(`what is held from ${name}`, path);
    held.push({ peer: name, rows: asHeldRows(api.target, answer), answer });
  }
  const damagedAnswer = workload === undefined ? await unlessAway('damaged content', '/v1/damaged') : [];
  return {
    own,
    held,
    damaged: asDamaged(api.target, damagedAnswer),
    missing,
    answer: {
      own: ownAnswer,
      held: held.map(({ peer, answer }) => ({ peer, snapshots: answer })),
      damaged: damagedAnswer,
    },
  };
}

const HEADINGS = ['STORE', 'FROM', 'ORIGIN', '>VERSION', '>BYTES', '>AGE', 'STATE', '>SINCE', 'WHY', 'SHA256'];

/** One table of all, then one of what was damaged, if there is any. */
export function everythingTable({ own, held, damaged }: Everything, wallMs: number): string[] {
  const rows = [
    ...own.map((row) => versionRow(row.store, row.dataCenter, row, wallMs)),
    ...held.flatMap(({ peer, rows: versions }) => versions.map((row) => versionRow('held', peer, row, wallMs))),
  ];
  const lines = table(HEADINGS, rows);
  if (damaged.length === 0) return lines;
  const kept = damaged.map(({ store, bytes, at, reason, id }) => [
    printable(store),
    formatBytes(bytes),
    formatAge(at, wallMs),
    printable(reason ?? '-'),
    printable(id),
  ]);
  return [...lines, '', 'damaged content that is kept:', ...table(['STORE', '>BYTES', '>SINCE', 'WHY', 'ID'], kept)];
}

/** An origin of another workload than its data centre's own is named with it: the origin alone would not tell them apart. */
function versionRow(store: string, from: string, row: OwnVersionView | HeldView, wallMs: number): string[] {
  return [
    printable(store),
    printable(row.workload === from || store !== 'held' ? from : `${from} (${row.workload})`),
    printable(row.origin),
    String(row.version),
    formatBytes(row.bytes),
    formatAge(row.takenAt, wallMs),
    printable(row.state),
    formatAge(row.placedAt, wallMs),
    printable(row.reason ?? '-'),
    printable(row.sha256.slice(0, 12)),
  ];
}
