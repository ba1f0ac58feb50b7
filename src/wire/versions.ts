/**
 * The history of the peer protocol: one entry for every change of what travels, the newest last.
 *
 * A test compares the shapes that the code has with the newest entry, and fails when a schema was changed without an
 * entry here. Two gateways of one `protocol` number must understand each other, so under one number
 * - a field may be added, if it may be missing (an older sender) and may be ignored (an older receiver);
 * - a bound may be widened in a receiver, never narrowed;
 * - everything else takes a new number, which older gateways refuse by name.
 * A new entry comes with a file in test/fixtures/wire of a message as that version sends it; those parse for ever.
 */
export interface WireVersion {
  readonly protocol: number;
  /** The day of the change, UTC. */
  readonly since: string;
  /** What changed, and why; one sentence for whoever reads a refusal in a log. */
  readonly change: string;
  /** Hash of the structure of each part, as the test serialises it. */
  readonly shapes: {
    readonly message: string;
    readonly answer: string;
    readonly inventory: string;
    /** The names of the headers of a snapshot's transfer. */
    readonly snapshotHeaders: string;
  };
}

export const WIRE_VERSIONS: readonly WireVersion[] = [
  {
    protocol: 1,
    since: '2026-11-23',
    change:
      'The first protocol: heartbeats, orderly shutdowns, snapshots with their description in headers, inventories.',
    shapes: {
      message: 'e63a1817b64adf38',
      answer: 'dd2035b231fc8c9b',
      inventory: '3eaf0bf1e5385b2b',
      snapshotHeaders: 'ab30fa7b0b238072',
    },
  },
  {
    protocol: 1,
    since: '2026-11-23',
    change:
      'Heartbeats and answers carry ownership; heartbeats the mode, watermarks and at most one request, whose reply is in the answer. All of it may be missing.',
    shapes: {
      message: 'b02970b05743a777',
      answer: 'f50c1d84045d6fb2',
      inventory: '3eaf0bf1e5385b2b',
      snapshotHeaders: 'ab30fa7b0b238072',
    },
  },
];
