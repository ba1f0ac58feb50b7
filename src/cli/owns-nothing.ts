import { asOwnershipRows } from './answers.ts';
import { printable } from './display-width.ts';
import type { LocalApi } from './local-api.ts';

/**
 * One sentence, without a full stop, on a data centre that owns no workload, so that its application is asked for
 * nothing: who does what was its own.
 *
 * @param dataCenter undefined: the one whose gateway answers
 * @returns null when it owns something
 */
export async function ownsNothing(api: LocalApi, dataCenter?: string): Promise<string | null> {
  const rows = asOwnershipRows(api.target, await api.json({ path: '/v1/ownership' }));
  // The first row is that of the gateway's own workload, which bears its name.
  const who = dataCenter ?? rows[0]?.workload ?? '';
  if (rows.some(({ owner, contestedBy }) => owner === who || contestedBy?.owner === who)) return null;
  const own = rows.find(({ workload }) => workload === who);
  const whose = own === undefined ? '' : `; ${own.owner} does the work of ${who} (epoch ${own.epoch})`;
  return printable(`${who} owns no workload, so its application is asked for nothing${whose}`);
}
