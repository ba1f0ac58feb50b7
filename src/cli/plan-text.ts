import type { MovePlan } from '../wire/ownership.ts';
import { printable } from './display-width.ts';
import type { Paint } from './paint.ts';
import { alignColumns } from './table.ts';

const KINDS: Record<MovePlan['kind'], string> = {
  switchover: 'switchover',
  failback: 'fail-back',
  takeover: 'takeover',
};

/** What a change of owner does: first what speaks for and against it, then its steps, then what would be lost. */
export function renderPlan(plan: MovePlan, paint: Paint): string[] {
  const { workload, kind, from, to, epoch, nextEpoch, forced } = plan;
  const what = `${forced ? 'forced ' : ''}${KINDS[kind]} of ${workload} from ${from} to ${to}`;
  const checks = plan.checks.map(({ check, ok, detail }) => [
    paint(ok ? 'ok' : 'no', ok ? 'good' : 'bad'),
    printable(check),
    printable(detail),
  ]);
  return [
    printable(`${what}, epoch ${epoch} to ${nextEpoch}`),
    ...alignColumns(checks).map((line) => `  ${line}`),
    ...plan.steps.map((step, index) => printable(`  ${index + 1}. ${step}`)),
    ...plan.losses.map((loss) => paint(printable(`  lost: ${loss}`), 'bad')),
  ];
}

/** Whether it would be refused as it stands. */
export function failedChecks(plan: MovePlan): string[] {
  return plan.checks.filter(({ ok }) => !ok).map(({ check, detail }) => `${check}: ${detail}`);
}
