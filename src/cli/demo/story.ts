import type { OwnershipRow } from '../../core/ownership.ts';
import { booksTable, ordersIn, sameBooks } from './books-text.ts';
import type { DataCenter } from './data-center.ts';
import type { BookSummary } from './order-books.ts';
import { HEARTBEAT_MS, MISSES_ALLOWED, SNAPSHOT_INTERVAL_MS } from './settings.ts';
import { START_MS, type Stage } from './stage.ts';
import { check } from './watch.ts';

/** The steps of the demo, in order. Each verifies what it says before it says it. */

const ORDER_EVERY_MS = 20;
const TRADE_MS = 700;
const SHORT_MS = 10_000;
/** What a loaded machine may add to N intervals before a death is known. */
const DOWN_SLACK_MS = 2000;

export async function seeEachOther({ dc1, dc2, timeline, watch }: Stage): Promise<void> {
  for (const dataCenter of [dc1, dc2]) {
    await timeline.say(
      dataCenter.name,
      `gateway is up: ${dataCenter.client.url} (pid ${dataCenter.gateway.process.pid})`,
    );
  }
  await untilPeerIs({ dc1, dc2, timeline, watch }, 'up');
  await timeline.say('', `both see each other up, by a heartbeat each ${HEARTBEAT_MS} ms`);
}

/** Both applications take orders, and each one's snapshots arrive in the other data centre. */
export async function replicate(stage: Stage): Promise<void> {
  const { dc1, dc2, timeline, watch } = stage;
  for (const dataCenter of [dc1, dc2]) {
    await openApplication(stage, dataCenter);
    await workFor(stage, { workload: dataCenter.name, at: dataCenter, epoch: 1 });
  }
  for (const dataCenter of [dc1, dc2]) await dataCenter.trade(ORDER_EVERY_MS);
  await timeline.say(
    '',
    `applications are up, each its own workload's owner, and take orders; snapshots each ${SNAPSHOT_INTERVAL_MS} ms`,
  );
  await watch.pass(TRADE_MS);
  for (const [from, to] of [
    [dc1, dc2],
    [dc2, dc1],
  ] as const) {
    const books = await settle(stage, { from, to });
    await timeline.say(from.name, `${ordersIn(books)} orders in ${books.length} books, all of it held in ${to.name}`);
  }
}

/** dc1 dies; dc2 gets what it had, and does its work from then on. */
export async function killAndTakeOver(stage: Stage): Promise<void> {
  const { dc1, dc2, timeline, watch } = stage;
  const had = await settle(stage, { from: dc1, to: dc2 });
  const after = await dc2.client.lastEventId();
  dc1.kill();
  const [ended] = await Promise.all([dc1.gateway.untilEnded(), dc1.application.untilEnded()]);
  check(ended.signal === 'SIGKILL', 'the gateway of dc1 could not be killed');
  await timeline.say('dc1', 'killed with SIGKILL: the gateway and the application');

  const limitMs = (MISSES_ALLOWED + 1) * HEARTBEAT_MS + SHORT_MS;
  const down = await watch.until(
    'dc2 declares dc1 down',
    limitMs,
    async () => (await dc2.client.events('peer-down', after))[0],
  );
  const silentMs = Date.parse(down.at) - Date.parse(down.lastHeartbeatAt ?? '');
  check(down.missed === MISSES_ALLOWED, `dc1 was declared down after ${down.missed} misses, not ${MISSES_ALLOWED}`);
  check(
    silentMs >= (MISSES_ALLOWED - 1) * HEARTBEAT_MS && silentMs <= MISSES_ALLOWED * HEARTBEAT_MS + DOWN_SLACK_MS,
    `dc1 was declared down ${silentMs} ms after its last heartbeat`,
  );
  await timeline.say('dc2', `dc1 is down: ${down.missed} heartbeats missed, the last one heard ${silentMs} ms before`);

  const done = await watch.until('the takeover is delivered to the application of dc2', SHORT_MS, async () =>
    (await dc2.client.events('delivery-done', after)).find(({ delivery }) => delivery.reason === 'takeover'),
  );
  const { delivery } = done;
  check(delivery.workload === 'dc1', `the delivery is of ${delivery.workload}`);
  check(
    delivery.snapshots.every(({ state }) => state === 'acknowledged'),
    'not every snapshot was acknowledged',
  );
  const taken = await dc2.books('dc1');
  check(sameBooks(taken, had), 'the state that dc2 took over is not the state that dc1 had');
  await timeline.say(
    'dc2',
    'application has taken over the order books of dc1; checksums before and after are the same:',
  );
  await timeline.detail(booksTable(taken));
  await workFor(stage, { workload: 'dc1', at: dc2, epoch: delivery.epoch });
  await timeline.say('dc2', ownerText(await dc2.client.ownership('dc1')));
  await dc2.trade(ORDER_EVERY_MS);
  await watch.pass(TRADE_MS);
  const grown = ordersIn(await dc2.books('dc1')) - ordersIn(had);
  check(grown > 0, 'no new orders came in for dc1');
  await timeline.say('dc2', `takes orders for both: ${grown} new ones in the books of dc1`);
}

/** dc1 comes back on an empty disk: the work is another's now, and stays there. */
export async function comeBack(stage: Stage): Promise<void> {
  const { dc1, dc2, timeline, watch } = stage;
  dc1.wipe();
  await dc1.startGateway(dc2.site);
  await watch.until('the gateway of dc1 answers again', START_MS, () => dc1.client.status());
  await openApplication(stage, dc1);
  const superseded = await watch.until('dc1 is superseded', SHORT_MS, async () =>
    (await dc1.client.events('superseded', 0)).find(({ workload }) => workload === 'dc1'),
  );
  check(superseded.row.owner === 'dc2', `dc1 was superseded by ${superseded.row.owner}`);
  await untilPeerIs(stage, 'up');
  await timeline.say('dc1', `back on an empty disk, and superseded: ${ownerText(superseded.row)}`);
  const { status } = await dc1.client.primary('dc1');
  check(status === 503, `/primary of dc1 was answered ${status} there, and not 503`);
  const refused = await dc1.client.statusOfPost('dc1', 'bonds');
  check(refused === 409, `a post to dc1 for dc1 was answered ${refused}, and not 409`);
  check((await dc1.worksOn('dc1')) === null, 'the application of dc1 works though it is superseded');
  await timeline.say('dc1', '/primary is 503, a snapshot for dc1 is refused with 409, its application waits');
}

/** The work goes home while orders come in, and not one of them is lost. */
export async function failBack(stage: Stage): Promise<void> {
  const { dc1, dc2, timeline, watch } = stage;
  const after = await dc1.client.lastEventId();
  const plan = await watch.until('dc1 may have its work back', SHORT_MS, () => dc1.client.failover('dc1', 'dc1'));
  await timeline.say('', `crossdc failover dc1 --to dc1: the way home from ${plan.from}, while orders come in there`);
  const completed = await watch.until('the fail-back is completed', SHORT_MS, async () =>
    (await dc1.client.events('takeover-completed', after)).find(({ workload }) => workload === 'dc1'),
  );
  const returned = (await dc1.client.events('delivery-done', after)).find(
    ({ delivery }) => delivery.reason === 'return',
  );
  check(returned?.delivery.heartbeatMsgType === 4, 'the state of dc1 did not come as message type 4');
  const gave = await dc2.books('dc1');
  const back = await dc1.books('dc1');
  check(sameBooks(back, gave), 'the state that dc1 has is not the state that dc2 gave away');
  await timeline.say('dc2', 'application let go at owner-releasing, after a last snapshot of each book');
  await timeline.say('dc1', `application has its order books back: ${ordersIn(back)} orders, the same checksums`);
  await workFor(stage, { workload: 'dc1', at: dc1, epoch: completed.epoch });
  const there = await dc2.client.primary('dc1');
  check(there.status === 503, `/primary of dc1 is ${there.status} in dc2 still`);
  await timeline.say('dc1', `${ownerText(await dc1.client.ownership('dc1'))}; 503 in dc2`);

  await dc1.trade(ORDER_EVERY_MS);
  await watch.pass(TRADE_MS);
  const now = await settle(stage, { from: dc1, to: dc2 });
  check(ordersIn(now) > ordersIn(back), 'no new orders came in at dc1');
  await timeline.say('dc1', `${ordersIn(now) - ordersIn(back)} new orders on top of them, held in dc2`);
  await settle(stage, { from: dc2, to: dc1 });
  await timeline.say('dc1', 'holds the order books of dc2 again, which its disk had lost');
}

/** dc2 leaves in order, and nobody takes it for dead. */
export async function leave({ dc1, dc2, timeline, watch }: Stage): Promise<void> {
  const after = await dc1.client.lastEventId();
  dc2.gateway.isExpectedToEnd = true;
  await dc2.client.shutDownOrderly();
  const ended = await watch.until('the gateway of dc2 stops', SHORT_MS, () =>
    Promise.resolve(dc2.gateway.ended ?? undefined),
  );
  check(ended.status === 0, `the gateway of dc2 ended with ${String(ended.status ?? ended.signal)}`);
  dc2.application.send('SIGTERM');
  await dc2.application.untilEnded();
  await watch.until('dc1 knows that dc2 left', SHORT_MS, async () => (await dc1.client.events('peer-left', after))[0]);
  await timeline.say('dc2', 'orderly shutdown: its gateway told dc1 and stopped with exit status 0');

  const quietMs = (MISSES_ALLOWED + 2) * HEARTBEAT_MS;
  await watch.pass(quietMs);
  const alarms = await dc1.client.events('peer-down', after);
  check(alarms.length === 0, 'dc1 took the orderly shutdown for a death');
  check((await dc1.client.peer('dc2'))?.state === 'left', 'dc1 does not show dc2 as left');
  await timeline.say('dc1', `shows dc2 as left; no alarm, ${quietMs} ms later either`);
}

/** For `--keep`: dc2 is back and goes on from its own disk, and orders come in at both. */
export async function reopen(stage: Stage): Promise<void> {
  const { dc1, dc2, timeline, watch } = stage;
  const had = (await dc1.client.held('dc2')).filter(({ workload }) => workload === 'dc2').length;
  await dc2.startGateway(dc1.site);
  await watch.until('the gateway of dc2 answers again', START_MS, () => dc2.client.status());
  await openApplication(stage, dc2);
  await untilPeerIs(stage, 'up');
  await workFor(stage, { workload: 'dc2', at: dc2, epoch: 1 });
  const books = (await dc2.books('dc2')).filter(({ orders }) => orders > 0);
  check(books.length === had, `the application of dc2 began with ${books.length} books, and not with ${had}`);
  // The next death is taken over at once, though the last one was a minute ago.
  for (const { client } of [dc1, dc2]) await client.acknowledge('dc1');
  for (const dataCenter of [dc1, dc2]) await dataCenter.trade(1000);
  await timeline.say('dc2', 'started again, with the state that it had posted');
}

async function openApplication({ watch }: Stage, dataCenter: DataCenter): Promise<void> {
  dataCenter.startApplication();
  await watch.until(`the application of ${dataCenter.name} listens`, START_MS, async () =>
    (await dataCenter.applicationState()).isSubscribed ? true : undefined,
  );
}

/** Until `/primary` says so there, and the application heeds it. */
async function workFor(
  { watch }: Stage,
  { workload, at, epoch }: { workload: string; at: DataCenter; epoch: number },
): Promise<void> {
  const primary = await watch.until(`/primary of ${workload} is 200 in ${at.name}`, SHORT_MS, async () => {
    const answer = await at.client.primary(workload);
    return answer.status === 200 ? answer : undefined;
  });
  check(primary.epoch === epoch, `/primary of ${workload} says epoch ${primary.epoch}, and not ${epoch}`);
  await watch.until(`the application of ${at.name} works for ${workload}`, SHORT_MS, async () =>
    (await at.worksOn(workload)) === epoch ? true : undefined,
  );
}

function ownerText({
  workload,
  owner,
  epoch,
  primary,
}: Pick<OwnershipRow, 'workload' | 'owner' | 'epoch'> & { primary?: boolean }): string {
  return `${owner} owns ${workload} since epoch ${epoch}${primary === true ? ', /primary is 200' : ''}`;
}

async function untilPeerIs({ dc1, dc2, watch }: Stage, state: string): Promise<void> {
  for (const [here, there] of [
    [dc1, dc2],
    [dc2, dc1],
  ] as const) {
    await watch.until(`${here.name} sees ${there.name} ${state}`, SHORT_MS, async () =>
      (await here.client.peer(there.name))?.state === state ? true : undefined,
    );
  }
}

/**
 * No more orders at `from`; then asks for snapshots until `to` holds exactly the state that the application has of its
 * own work. The digest of a snapshot is the checksum of its book, so nothing has to be opened to compare.
 */
async function settle({ watch }: Stage, { from, to }: { from: DataCenter; to: DataCenter }): Promise<BookSummary[]> {
  await from.trade(null);
  const books = await from.books(from.name);
  await from.client.requestSnapshots();
  await watch.until(`${to.name} holds the books of ${from.name}`, SHORT_MS, async () => {
    const rows = (await to.client.held(from.name)).filter(({ workload }) => workload === from.name);
    const held = new Map(rows.map((row) => [row.origin, row.sha256]));
    return books.every((book) => held.get(book.book) === book.sha256) ? true : undefined;
  });
  return books;
}
