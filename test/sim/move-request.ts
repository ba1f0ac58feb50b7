import type { MoveRequest } from '../../src/ports/ownership-api.ts';

/** With these an operator has it although checks fail, and although something may be lost. */
export const BY_FORCE = { force: true, acceptDataLoss: true } as const;

/** What an operator asks for who says nothing but which workload goes where. */
export function moveRequest(workload: string, to: string, changes: Partial<MoveRequest> = {}): MoveRequest {
  const plain = { ifEpoch: null, force: false, acceptDataLoss: false, dryRun: false, actor: 'a test' };
  return { workload, to, ...plain, ...changes };
}
