import { parseCommandLine, parseSeconds } from './command.ts';
import { usageError } from './exit-status.ts';
import { TARGET_OPTIONS } from './target.ts';
import { MINUTE_MS, SECOND_MS } from '../units.ts';

const GRAMMAR = {
  name: 'failover',
  options: {
    ...TARGET_OPTIONS,
    to: { type: 'string' },
    force: { type: 'boolean' },
    'accept-data-loss': { type: 'boolean' },
    'dry-run': { type: 'boolean' },
    'if-epoch': { type: 'string' },
    'no-wait': { type: 'boolean' },
    timeout: { type: 'string' },
    json: { type: 'boolean' },
  },
  positionals: ['WORKLOAD'],
} as const;

/** Longer than a switchover takes whose applications answer at all: each of its steps has a bound of its own. */
export const LONGEST_MS = 5 * MINUTE_MS;

/** What `crossdc failover` was asked to do. */
export interface Wanted {
  readonly workload: string;
  readonly to: string;
  readonly ifEpoch: number | undefined;
  readonly force: boolean;
  readonly acceptDataLoss: boolean;
  readonly dryRun: boolean;
  readonly wait: boolean;
  readonly timeoutMs: number;
  readonly json: boolean;
  readonly target: { readonly url?: string | undefined; readonly 'token-file'?: string | undefined };
}

/** @throws CliError (usage) */
export function parseWanted(argv: readonly string[]): Wanted {
  const { values, positionals } = parseCommandLine(GRAMMAR, argv);
  const { to, force = false, 'accept-data-loss': acceptDataLoss = false, 'dry-run': dryRun = false } = values;
  if (to === undefined || to === '') throw usageError('failover needs --to DC (crossdc failover --help)');
  if (acceptDataLoss && !force) throw usageError('--accept-data-loss goes with --force');
  const wait = values['no-wait'] !== true;
  const timeout = parseSeconds('timeout', values.timeout);
  if (timeout !== undefined && (!wait || dryRun))
    throw usageError(`--timeout does not go with ${dryRun ? '--dry-run' : '--no-wait'}`);
  return {
    workload: positionals[0] ?? '',
    to,
    ifEpoch: parseEpoch(values['if-epoch']),
    force,
    acceptDataLoss,
    dryRun,
    wait,
    timeoutMs: timeout === undefined ? LONGEST_MS : timeout * SECOND_MS,
    json: values.json === true,
    target: values,
  };
}

function parseEpoch(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text);
  throw usageError(`--if-epoch takes a positive integer, not "${text}"`);
}
