import { GatewayError } from '../../errors.ts';
import { systemCode } from './disk.ts';

/** No room: the disk, the user's quota, or the process's limit of file size. */
const FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/**
 * The catalogue's error for whatever a file operation threw. The one place where system errors are judged; snapshots,
 * records and event log use it alike.
 *
 * What is no system error is passed on as it is: a GatewayError was judged before, anything else is a defect. Paths
 * stay in the facts, which do not leave the process.
 *
 * @param store the name of the store, as an operator knows it
 */
export function storeError(error: unknown, store: string, facts: Readonly<Record<string, unknown>> = {}): unknown {
  const code = systemCode(error);
  if (code === undefined) return error;
  const about = { ...facts, store, code, problem: error instanceof Error ? error.message : code };
  if (FULL.has(code)) {
    return new GatewayError('store-full', `There is no room in the store "${store}" (${code}).`, {
      facts: about,
      cause: error,
    });
  }
  return new GatewayError('store-unavailable', `The store "${store}" cannot be used (${code}).`, {
    facts: about,
    cause: error,
  });
}

/** Carries out the work; a system error is thrown as the catalogue's. */
export async function withStoreErrors<T>(store: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw storeError(error, store);
  }
}
