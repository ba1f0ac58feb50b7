import * as kinds from './kinds.ts';
import type { Option } from './option.ts';

const ours = { group: 'ours', unit: null } as const;

/** 28 years, as with the exchange of snapshots: what is written to say that there is no limit. */
const NO_LIMIT_FROM_SECONDS = 888_888_888;

/** Who does the work of a data centre, how that changes hands, and how fresh state gets to where it is needed (interface §8, §3). */
export const OWNERSHIP_OPTIONS = {
  syncAtStartup: {
    ...ours,
    kind: kinds.boolean,
    default: 'false',
    doc: {
      meaning:
        "true: at the first contact after a start, each peer's application is asked for fresh snapshots, so that what is held here is not as old as the last exchange. By hand: crossdc sync PEER.",
    },
  },
  syncGracePeriod: {
    ...ours,
    kind: kinds.seconds(0.05, kinds.DAY_SECONDS),
    default: null,
    unit: 'seconds',
    example: '30',
    doc: {
      meaning:
        "How long after the first contact a peer's application is asked for fresh snapshots a second time, for what had not settled at the first. Without this key it is asked once. Needs syncAtStartup=true.",
      raising: 'The second round has what an application that starts slowly did not have yet; it comes later.',
      lowering: 'What is held here is fresh sooner; an application that starts slowly may still have nothing to post.',
    },
  },
  syncRetryInterval: {
    ...ours,
    kind: kinds.seconds(0.05, kinds.DAY_SECONDS),
    default: '60',
    unit: 'seconds',
    doc: {
      meaning:
        "How long to wait before a peer's application is asked for fresh snapshots again when that did not work; again and again, until it worked. Needs syncAtStartup=true.",
      raising: "Less work for the peer's application while something is in the way; fresh state is here later.",
      lowering: 'Fresh state is here sooner after the trouble is over; the application is asked more often.',
    },
  },
  takeoverPolicy: {
    ...ours,
    kind: kinds.takeoverPolicy,
    default: 'automatic',
    doc: {
      meaning:
        'automatic: this gateway takes over the work of a data centre that is down by itself; two data centres alone cannot tell a dead peer from a cut line. manual: it waits for crossdc failover WORKLOAD --to DC. arbitrated, which asks a third party first, needs a later version and is refused by this one.',
    },
  },
  takeoverOrder: {
    ...ours,
    kind: kinds.dataCenterNames,
    default: null,
    defaultSays: 'by name',
    example: 'dc2,dc1',
    doc: {
      meaning:
        'Which of several survivors takes over first: names of data centres, separated by commas, the first before all others. Those that are not named follow by name. Each next one waits as long again as it takes to find a peer down. Set it alike in every data centre.',
    },
  },
  takeoverMaxHeldAge: {
    ...ours,
    kind: kinds.interval(0.05, NO_LIMIT_FROM_SECONDS),
    default: null,
    unit: 'seconds',
    example: '600',
    doc: {
      meaning:
        'When the newest snapshot that is held is older, a takeover is blocked, visibly (held-too-old), until an operator forces it. Without this key, and with 888888888 or more, held state of any age is taken over.',
      raising: 'Fewer takeovers wait for an operator; the work may go on from older state.',
      lowering: 'The work never goes on from old state by itself; more takeovers wait for an operator.',
    },
  },
  takeoverBlockPeriod: {
    ...ours,
    kind: kinds.seconds(0, kinds.WEEK_SECONDS),
    default: '3600',
    unit: 'seconds',
    doc: {
      meaning:
        'For so long after a takeover no second one of the same workload follows by itself, unless crossdc ack WORKLOAD says that somebody has looked at the first. 0: a second one may follow at once.',
      raising:
        'A trouble that comes and goes moves the work once and not to and fro; a second real death waits for an operator.',
      lowering:
        'A second death is answered without an operator; a trouble that comes and goes moves the work more often.',
    },
  },
  failback: {
    ...ours,
    kind: kinds.oneOf('manual', 'automatic'),
    default: 'manual',
    doc: {
      meaning:
        'manual: work that was taken over stays where it is until crossdc failover brings it home. automatic: this gateway hands work that it took over after a death back to its home data centre by itself, as crossdc failover does, once that has been up and in sync for failbackDelay; what an operator moved or forced stays. Set it alike in every data centre.',
    },
  },
  failbackDelay: {
    ...ours,
    kind: kinds.seconds(0, kinds.WEEK_SECONDS),
    default: '60',
    unit: 'seconds',
    doc: {
      meaning:
        'How long without a break the home data centre must have been up and in sync before it gets its work back by itself; after a fail-back that was rolled back at least two minutes, and twice as long after each further one, up to six hours. Needs failback=automatic.',
      raising: 'A home that comes and goes is not trusted with the work; a healthy one gets it back later.',
      lowering: 'The work is at home again sooner; one that comes and goes may lose it once more.',
    },
  },
  releaseTimeout: {
    ...ours,
    kind: kinds.seconds(0.01, kinds.DAY_SECONDS),
    default: '5',
    unit: 'seconds',
    doc: {
      meaning:
        'How long the application has, after the event owner-releasing, to let go of work that is to be given away and to post its last snapshots. When it has not said so by then, the move goes on without its word.',
      raising: 'A slow application can finish what it does; nobody does the work meanwhile.',
      lowering: 'The work pauses for a shorter time; what a slow application still does is not moved.',
    },
  },
} as const satisfies Record<string, Option>;
