import type { Delivery } from '../core/delivery.ts';
import type { PeerView, ScrubView, StatusView } from '../ports/gateway-api.ts';
import { printable } from './display-width.ts';
import { count, formatAge, formatBytes, yesNo } from './format.ts';
import { openDeliveryLines } from './open-deliveries.ts';
import { renderOwnership } from './ownership-text.ts';
import type { Paint } from './paint.ts';
import { alignColumns, table } from './table.ts';

/** What is looked at: the status, and the deliveries that it counts as open. */
export interface Seen {
  readonly status: StatusView;
  readonly open: readonly Delivery[];
}

/**
 * The status as lines for people: this gateway, who owns the work, its peers, then which deliveries wait for the
 * application and what is wrong with any machine.
 */
export function renderStatus({ status, open }: Seen, wallMs: number, paint: Paint): string[] {
  const deliveries = openDeliveryLines(open, status, wallMs);
  const peers = status.peers.map((peer) => peerRow(peer, wallMs, paint));
  return [
    ...alignColumns(headerRows(status, wallMs, paint)),
    '',
    ...renderOwnership(status.ownership, { here: status.dataCenter, peers: status.peers, wallMs, paint }),
    '',
    ...table(
      ['PEER', 'STATE', '>SINCE', '>LAST-HEARTBEAT', 'HEARS-US', '>PENDING', 'HELD', 'IN-SYNC', 'BLOCKED-BY'],
      peers,
    ),
    ...(deliveries.length === 0 ? [] : ['', ...deliveries.map((line) => paint(line, 'doubtful'))]),
    ...troubles(status.peers, paint),
  ];
}

function headerRows(status: StatusView, wallMs: number, paint: Paint): string[][] {
  const { application, outgoing, store, failoverCommand: command, ownPauses } = status;
  const pending = paint(`${outgoing.pending} pending`, outgoing.pending === 0 ? 'faint' : 'doubtful');
  const newest = outgoing.newestTakenAt === null ? '' : `, newest ${formatAge(outgoing.newestTakenAt, wallMs)} ago`;
  const rows = [
    ['data centre', printable(status.dataCenter) + (status.shuttingDown ? paint(' (shutting down)', 'doubtful') : '')],
    ['application', `${printable(application.name)}, ${paintHealth(application.status, paint)}`],
    ['mode', status.mode],
    ['version', status.version],
    ['started', `${status.startedAt}, ${formatAge(status.startedAt, wallMs)} ago`],
    ['incarnation', String(status.incarnation)],
    ['store', `${store.kind}, ${store.ok ? paint('ok', 'good') : paint('failing', 'bad')}`],
    ['scrub', scrubText(status.scrub, wallMs, paint)],
    ['outgoing', `${count(outgoing.origins, 'origin')}, ${formatBytes(outgoing.bytes)}${newest}, ${pending}`],
    ['open deliveries', paint(String(status.deliveries.open), status.deliveries.open === 0 ? 'faint' : 'doubtful')],
    ['failover command', command.state === 'gave-up' ? paint('gave up', 'bad') : command.state],
  ];
  if (ownPauses.count > 0) {
    const longest = `longest ${ownPauses.longestSeconds.toFixed(1)} s`;
    rows.push(['own pauses', `${ownPauses.count}, ${longest}, last ${formatAge(ownPauses.lastAt, wallMs)} ago`]);
  }
  return rows;
}

/** The verification in the background: how far it is, or what it found when it last went through everything. */
function scrubText(scrub: ScrubView, wallMs: number, paint: Paint): string {
  if (scrub.state === 'off') return paint('off', 'faint');
  const done = `${count(scrub.verified, 'version')}, ${formatBytes(scrub.bytes)}`;
  const damaged = scrub.damaged === 0 ? '' : `, ${paint(`${scrub.damaged} damaged`, 'bad')}`;
  if (scrub.state === 'idle') {
    const { completedAt } = scrub;
    return completedAt === null
      ? paint('not completed yet', 'faint')
      : `completed ${formatAge(completedAt, wallMs)} ago, ${done}${damaged}`;
  }
  const state = scrub.state === 'waiting' ? paint('waiting for a store', 'doubtful') : 'running';
  return `${state}, began ${formatAge(scrub.startedAt, wallMs)} ago, ${done}${damaged}`;
}

function peerRow(peer: PeerView, wallMs: number, paint: Paint): string[] {
  const held = `${count(peer.held.origins, 'origin')}, ${formatBytes(peer.held.bytes)}`;
  return [
    printable(peer.name),
    paintState(peer, paint),
    formatAge(peer.since, wallMs),
    peer.lastHeartbeatAt === null ? 'never' : `${formatAge(peer.lastHeartbeatAt, wallMs)} ago`,
    peer.hearsUs === false ? paint('no', 'bad') : yesNo(peer.hearsUs),
    String(peer.replication.pending),
    held,
    peer.sync.inSync ? paint('yes', 'good') : paint('no', 'doubtful'),
    peer.blockedBy === null ? '-' : paint(printable(peer.blockedBy), 'bad'),
  ];
}

function paintState({ state, reason }: PeerView, paint: Paint): string {
  const text = printable(reason === null || reason === 'silence' ? state : `${state} (${reason})`);
  switch (state) {
    case 'up':
      return paint(text, 'good');
    case 'down':
      return paint(text, 'bad');
    case 'suspect':
      return paint(text, 'doubtful');
    default:
      return paint(text, 'faint');
  }
}

function paintHealth(health: string, paint: Paint): string {
  return health === 'critical' ? paint('critical', 'bad') : health === 'passing' ? paint('passing', 'good') : health;
}

/** One line for each thing that the table has no column for, and that somebody should look at. */
function troubles(peers: readonly PeerView[], paint: Paint): string[] {
  const lines = peers.flatMap((peer) => {
    const second = peer.incarnations > 1 ? [`${peer.name}: ${peer.incarnations} gateways run under this name`] : [];
    const machines = peer.machines
      .filter((machine) => machine.ok === false)
      .map((machine) => `${peer.name} ${machine.address}: ${machine.lastError ?? 'not reached'}`);
    return [...second, ...machines];
  });
  return lines.length === 0 ? [] : ['', ...lines.map((line) => paint(printable(line), 'bad'))];
}
