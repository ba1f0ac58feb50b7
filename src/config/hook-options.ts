import * as kinds from './kinds.ts';
import type { Option } from './option.ts';

const ours = { group: 'ours', unit: null } as const;

/** What the gateway runs, tells and asks: the operator's command, the webhook, the application's health. */
export const HOOK_OPTIONS = {
  failoverCommand: {
    ...ours,
    kind: kinds.command,
    default: null,
    example: '/usr/local/bin/on-peer-down',
    doc: {
      meaning:
        "Run with /bin/sh when a peer goes down; the peer's name, state, epoch and the reason are in CROSSDC_… variables. Its exit status is logged and counted.",
    },
  },
  failoverCommandTimeout: {
    ...ours,
    kind: kinds.seconds(0.01, kinds.WEEK_SECONDS),
    default: '300',
    unit: 'seconds',
    doc: {
      meaning: 'How long the command may run; then it gets SIGTERM, and SIGKILL if that is of no use.',
      raising: 'A slow command can finish; one that hangs blocks its retries for longer.',
      lowering: 'A command that hangs is ended sooner; one that only works slowly is ended too.',
    },
  },
  failoverCommandRetries: {
    ...ours,
    kind: kinds.integer(0, 1000),
    default: '2',
    doc: {
      meaning:
        'How often a failed command is run again. After the last failure: event failover-command-gave-up, and /readyz is 503.',
      raising: 'A passing trouble is survived; a lasting one is reported later.',
      lowering: 'Giving up is reported sooner.',
    },
  },
  failoverCommandRetryInterval: {
    ...ours,
    kind: kinds.seconds(0, kinds.WEEK_SECONDS),
    default: '60',
    unit: 'seconds',
    doc: {
      meaning: 'How long to wait before a failed command is run again.',
      raising: 'More time for a passing trouble to pass.',
      lowering: 'The next attempt comes sooner.',
    },
  },
  appWebhookUrl: {
    ...ours,
    kind: kinds.url,
    default: null,
    example: 'http://127.0.0.1:8080/crossdc-events',
    doc: { meaning: 'Every event is POSTed there too, in order, and again until it is answered 2xx.' },
  },
  appHealthUrl: {
    ...ours,
    kind: kinds.url,
    default: null,
    example: 'http://127.0.0.1:8080/health',
    doc: {
      meaning:
        'The gateway polls the application there: 2xx is passing, anything else critical. Its health travels in every heartbeat; an application that is critical for N heartbeats counts as down. Not together with appHealthTtl.',
    },
  },
  appHealthInterval: {
    ...ours,
    kind: kinds.seconds(0.01, kinds.DAY_SECONDS),
    default: '10',
    unit: 'seconds',
    doc: {
      meaning: 'How often the application is polled at appHealthUrl.',
      raising: 'Less work for the application; a sick one is noticed later.',
      lowering: 'A sick application is noticed sooner.',
    },
  },
  appHealthTtl: {
    ...ours,
    kind: kinds.seconds(0.01, kinds.WEEK_SECONDS),
    default: null,
    unit: 'seconds',
    example: '30',
    doc: {
      meaning: 'Instead of polling: the application must PUT /v1/health at least this often, or it counts as critical.',
      raising: 'A slow application raises fewer alarms; a dead one is noticed later.',
      lowering: 'A dead application is noticed sooner.',
    },
  },
} as const satisfies Record<string, Option>;
