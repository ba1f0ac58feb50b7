/**
 * The demo's application, a process of its own: order books, and beside them nothing but the gateway's local API.
 *
 * Arguments: the URL of the gateway and the name of the data centre.
 * It ends with the demo: when the channel to its parent closes, whatever the parent died of.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { messageOf } from '../../errors.ts';
import { LocalApi } from '../local-api.ts';
import { ApplicationLink } from './application-link.ts';
import type { ApplicationState, Question, Reply } from './application-protocol.ts';
import { OrderBooks } from './order-books.ts';

const RECONNECT_MS = 100;
const LOOK_MS = 200;
const IDLE_MS = 20;

const [url = '', dataCenter = ''] = process.argv.slice(2);
const ending = new AbortController();
const books = new OrderBooks();
let isSubscribed = false;
let orderEveryMs: number | null = null;

const link = new ApplicationLink({
  api: new LocalApi({ url: new URL(url), source: 'the demo', token: undefined }),
  home: dataCenter,
  books,
  onSubscribed: (isOpen) => {
    isSubscribed = isOpen;
  },
});

process.on('disconnect', () => process.exit(0));
process.on('message', (question: Question) => {
  if (question.ask.kind === 'trade') orderEveryMs = question.ask.everyMs;
  const state: ApplicationState = { isSubscribed, working: link.working, books: books.summaries() };
  process.send?.({ id: question.id, state } satisfies Reply);
});

/** An order is taken only for a workload that is ours to do. */
async function trade(): Promise<never> {
  for (;;) {
    await delay(orderEveryMs ?? IDLE_MS);
    if (orderEveryMs !== null) for (const { workload } of link.working) books.place(workload);
  }
}

async function forever(task: () => Promise<void>, pauseMs: number): Promise<never> {
  for (;;) {
    try {
      await task();
    } catch (error) {
      // The gateway comes back, or the demo ends us.
      process.stderr.write(`${new Date().toISOString()} ${messageOf(error)}\n`);
    }
    await delay(pauseMs);
  }
}

await Promise.race([
  trade(),
  forever(() => link.listen(ending.signal), RECONNECT_MS),
  forever(() => link.look(), LOOK_MS),
]);
