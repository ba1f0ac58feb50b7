import { messageOf, GatewayError } from '../../src/errors.ts';
import { StateLock } from '../../src/adapters/file/state-lock.ts';

/**
 * A process of its own that takes the lock of the folder named by its argument, says how it went, and stays for as long
 * as its stdin is open and not a moment longer: it never calls exit.
 */
const [, , folder = ''] = process.argv;
const say = (what: Record<string, unknown>): void => void process.stdout.write(`${JSON.stringify(what)}\n`);

process.stdin.resume();
const startedAt = performance.now();
try {
  await StateLock.acquire(folder);
  say({ outcome: 'holding', ms: performance.now() - startedAt });
} catch (error) {
  say({
    outcome: error instanceof GatewayError ? error.code : 'defect',
    detail: messageOf(error),
    facts: error instanceof GatewayError ? error.facts : {},
  });
}
