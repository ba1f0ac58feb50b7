import { booksTable, ordersIn, sameBooks } from './books-text.ts';
import type { DataCenter } from './data-center.ts';
import type { BookSummary } from './order-books.ts';
import { HEARTBEAT_MS, MISSES_ALLOWED, SNAPSHOT_INTERVAL_MS } from './settings.ts';
import { START_MS, type Stage } from './stage.ts';
import { check } from './watch.ts';

/** The steps of the demo, in order. Each verifies what it says before it says it. */

const ORDER_EVERY_MS = 20;
const TRADE_MS = 1500;
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
  for (const dataCenter of [dc1, dc2]) await openApplication(stage, dataCenter, 'fresh');
  for (const dataCenter of [dc1, dc2]) await dataCenter.trade(ORDER_EVERY_MS);
  await timeline.say('', `applications are up and take orders; snapshots each ${SNAPSHOT_INTERVAL_MS} ms`);
  await watch.pass(TRADE_MS);
  for (const [from, to] of [
    [dc1, dc2],
    [dc2, dc1],
  ] as const) {
    const books = await settle(stage, from, to);
    await timeline.say(from.name, `${ordersIn(books)} orders in ${books.length} books, all of it held in ${to.name}`);
  }
}

/** @returns what dc1 had, which is what dc2 has taken over */
export async function killAndTakeOver(stage: Stage): Promise<BookSummary[]> {
  const { dc1, dc2, timeline, watch } = stage;
  const had = await settle(stage, dc1, dc2);
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
  check(delivery.dataCenter === 'dc1', `the delivery is of ${delivery.dataCenter}`);
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
  return taken;
}

/** dc1 comes back on an empty disk, and gets its state from where it was taken over. */
export async function comeBack(stage: Stage, had: readonly BookSummary[]): Promise<void> {
  const { dc1, dc2, timeline, watch } = stage;
  dc1.wipe();
  await dc1.startGateway(dc2.site);
  await watch.until('the gateway of dc1 answers again', START_MS, () => dc1.client.status());
  await openApplication(stage, dc1, 'await-return');
  check(ordersIn(await dc1.books('dc1')) === 0, 'the application of dc1 should begin without state');
  await untilPeerIs(stage, 'up');
  await timeline.say('dc1', 'back on an empty disk; both see each other up again');

  await dc2.client.returnTo('dc1');
  const back = await watch.until('dc1 has its state back', SHORT_MS, async () => {
    const books = await dc1.books('dc1');
    return sameBooks(books, had) ? books : undefined;
  });
  const done = await watch.until('the return is acknowledged', SHORT_MS, async () =>
    (await dc1.client.events('delivery-done', 0)).find(({ delivery }) => delivery.reason === 'return'),
  );
  check(done.delivery.heartbeatMsgType === 4, 'the return did not come as message type 4');
  await timeline.say('dc1', `its state was returned by dc2: ${ordersIn(back)} orders, the same checksums`);

  await dc1.trade(ORDER_EVERY_MS);
  await watch.pass(TRADE_MS);
  const now = await settle(stage, dc1, dc2);
  check(ordersIn(now) > ordersIn(had), 'no new orders came in at dc1');
  await timeline.say('dc1', `${ordersIn(now) - ordersIn(had)} new orders on top of them, held in dc2`);
  await settle(stage, dc2, dc1);
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

  const quietMs = 2 * MISSES_ALLOWED * HEARTBEAT_MS;
  await watch.pass(quietMs);
  const alarms = await dc1.client.events('peer-down', after);
  check(alarms.length === 0, 'dc1 took the orderly shutdown for a death');
  check((await dc1.client.peer('dc2'))?.state === 'left', 'dc1 does not show dc2 as left');
  await timeline.say('dc1', `shows dc2 as left; no alarm, ${quietMs} ms later either`);
}

/** For `--keep`: dc2 is back, has its state, and orders come in at both. */
export async function reopen(stage: Stage): Promise<void> {
  const { dc1, dc2, timeline, watch } = stage;
  await dc2.startGateway(dc1.site);
  await watch.until('the gateway of dc2 answers again', START_MS, () => dc2.client.status());
  await openApplication(stage, dc2, 'await-return');
  await untilPeerIs(stage, 'up');
  const had = (await dc1.client.held('dc2')).length;
  await dc1.client.returnTo('dc2');
  await watch.until('dc2 has its state back', SHORT_MS, async () => {
    const books = await dc2.books('dc2');
    return books.filter(({ orders }) => orders > 0).length === had ? books : undefined;
  });
  for (const dataCenter of [dc1, dc2]) await dataCenter.trade(1000);
  await timeline.say('dc2', 'started again, its state returned by dc1');
}

async function openApplication(
  { watch }: Stage,
  dataCenter: DataCenter,
  start: 'fresh' | 'await-return',
): Promise<void> {
  dataCenter.startApplication(start);
  await watch.until(`the application of ${dataCenter.name} listens`, START_MS, async () =>
    (await dataCenter.applicationState()).isSubscribed ? true : undefined,
  );
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
 * No more orders at `from`; then asks for snapshots until `to` holds exactly the state that the application has. The
 * digest of a snapshot is the checksum of its book, so nothing has to be opened to compare.
 */
async function settle({ watch }: Stage, from: DataCenter, to: DataCenter): Promise<BookSummary[]> {
  await from.trade(null);
  const books = await from.books(from.name);
  await from.client.requestSnapshots();
  await watch.until(`${to.name} holds the books of ${from.name}`, SHORT_MS, async () => {
    const held = new Map((await to.client.held(from.name)).map((row) => [row.origin, row.sha256]));
    return books.every((book) => held.get(book.book) === book.sha256) ? true : undefined;
  });
  return books;
}
