/**
 * The demo's application, a process of its own: order books, and beside them nothing but the gateway's local API.
 *
 * Arguments: the URL of the gateway, the name of the data centre, and `await-return` to begin without state.
 * It ends with the demo: when the channel to its parent closes, whatever the parent died of.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { messageOf } from '../../errors.ts';
import { LocalApi } from '../local-api.ts';
import { ApplicationLink } from './application-link.ts';
import type { ApplicationState, Question, Reply } from './application-protocol.ts';
import { OrderBooks } from './order-books.ts';

const RECONNECT_MS = 100;
const IDLE_MS = 20;

const [url = '', dataCenter = '', start] = process.argv.slice(2);
const ending = new AbortController();
const books = new OrderBooks(dataCenter);
let isSubscribed = false;
let orderEveryMs: number | null = null;

process.on('disconnect', () => process.exit(0));
process.on('message', (question: Question) => {
  if (question.ask.kind === 'trade') orderEveryMs = question.ask.everyMs;
  const state: ApplicationState = { isSubscribed, books: books.summaries() };
  process.send?.({ id: question.id, state } satisfies Reply);
});

async function trade(): Promise<never> {
  for (;;) {
    await delay(orderEveryMs ?? IDLE_MS);
    if (orderEveryMs !== null) books.place();
  }
}

async function listen(): Promise<never> {
  const link = new ApplicationLink({
    api: new LocalApi({ url: new URL(url), source: 'the demo', token: undefined }),
    books,
    awaitReturn: start === 'await-return',
    onSubscribed: (isOpen) => {
      isSubscribed = isOpen;
    },
  });
  for (;;) {
    try {
      await link.listen(ending.signal);
    } catch (error) {
      // The gateway comes back, or the demo ends us.
      process.stderr.write(`${new Date().toISOString()} ${messageOf(error)}\n`);
    }
    await delay(RECONNECT_MS);
  }
}

await Promise.race([trade(), listen()]);
