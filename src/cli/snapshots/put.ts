import type { Readable } from 'node:stream';
import { parseCommandLine, parseSeconds, type Command } from '../command.ts';
import { printable } from '../display-width.ts';
import { CliError, EXIT, usageError } from '../exit-status.ts';
import type { CliIo } from '../io.ts';
import { LocalApi } from '../local-api.ts';
import { resolveTarget, TARGET_HELP, TARGET_OPTIONS } from '../target.ts';
import { assertDigest, Tally } from './digest.ts';
import { Progress } from './progress.ts';
import { fileSource, printReceipt, upload, waitOf, type Source } from './upload.ts';

const GRAMMAR = {
  name: 'snapshots put',
  options: {
    ...TARGET_OPTIONS,
    position: { type: 'string' },
    label: { type: 'string', multiple: true },
    workload: { type: 'string' },
    wait: { type: 'boolean' },
    timeout: { type: 'string' },
    json: { type: 'boolean' },
  },
  positionals: ['ORIGIN', '[FILE]'],
} as const;

/** A label's name becomes part of a header's name (interface §3). */
const LABEL = /^([A-Za-z0-9][A-Za-z0-9._-]{0,63})=(.*)$/s;

export const putCommand: Command = {
  help: `\
crossdc snapshots put ORIGIN [FILE|-] [--position P] [--label NAME=VALUE]... [--wait [--timeout S]] [--json]

Posts the bytes of FILE, or of stdin, as ORIGIN's newest snapshot. They are durable at the gateway when it is done.

  --position P       where the application's input must be rewound to
  --label NAME=VALUE travels with the snapshot; may be given again
  --workload W       of another workload than this data centre's own
  --wait             until every peer that is up, and at least one, has it
  --timeout S        of --wait, in seconds (30)
  --json             the gateway's receipt as one JSON document
${TARGET_HELP}`,
  async run(argv, io) {
    const { values, positionals } = parseCommandLine(GRAMMAR, argv);
    const [origin = '', file] = positionals;
    const headers = describe(values.position, values.label ?? []);
    const waitSeconds = waitOf(values.wait, parseSeconds('timeout', values.timeout));
    const api = new LocalApi(await resolveTarget(values, io));
    const source = await openSource(file, io);
    try {
      const tally = new Tally();
      const progress = new Progress(io, printable(origin));
      const content = tallied(await refuseEmpty(source, origin), tally, (bytes) =>
        progress.update(bytes, source.bytes),
      );
      const receipt = await upload(api, {
        origin,
        workload: values.workload,
        headers,
        waitSeconds,
        source: { ...source, content },
      }).finally(() => progress.end());
      // The gateway hashed what arrived, we hashed what we read: only equal digests mean that it has what we have.
      assertDigest('the bytes at the gateway', receipt.sha256, tally.sha256());
      await printReceipt(io, receipt, values.json === true);
    } finally {
      await source.close();
    }
    return EXIT.done;
  },
};

function describe(position: string | undefined, labels: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {};
  if (position !== undefined) headers['crossdc-position'] = encodeURIComponent(position.toWellFormed());
  for (const label of labels) {
    const [, name, value] = LABEL.exec(label) ?? [];
    if (name === undefined || value === undefined) {
      throw usageError(
        `--label takes NAME=VALUE, the name of letters, digits, ".", "_" and "-"; not "${printable(label)}"`,
      );
    }
    // Header names know no capitals, so neither do labels.
    const header = `crossdc-label-${name.toLowerCase()}`;
    if (header in headers) throw usageError(`--label ${name} was given twice`);
    headers[header] = encodeURIComponent(value.toWellFormed());
  }
  return headers;
}

async function openSource(file: string | undefined, io: CliIo): Promise<Source> {
  if (file !== undefined && file !== '-') return fileSource(file);
  if (file === undefined && io.stdin.isTTY === true) {
    throw usageError('snapshots put: name a FILE, or pipe the bytes into stdin ("-" reads them from the terminal)');
  }
  return stdinSource(io.stdin);
}

function stdinSource(stdin: Readable): Source {
  return {
    content: stdin as AsyncIterable<Buffer>,
    bytes: null,
    close: async () => {
      stdin.destroy();
      return Promise.resolve();
    },
  };
}

/**
 * An empty body would withdraw the origin everywhere, and an empty pipe is more often a program that failed. So the
 * first bytes are awaited before anything is sent.
 */
async function refuseEmpty(source: Source, origin: string): Promise<AsyncIterable<Uint8Array>> {
  const chunks = source.content[Symbol.asyncIterator]();
  for (;;) {
    const first = await chunks.next();
    if (first.done === true) {
      throw new CliError(
        EXIT.usage,
        `the snapshot is empty, and an empty one withdraws "${printable(origin)}" at every peer: nothing was posted. ` +
          'To withdraw it: crossdc snapshots delete ORIGIN',
      );
    }
    if (first.value.length > 0) return resumed(first.value, chunks);
  }
}

async function* resumed(first: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield first;
  yield* { [Symbol.asyncIterator]: () => rest };
}

async function* tallied(
  content: AsyncIterable<Uint8Array>,
  tally: Tally,
  onBytes: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of content) {
    tally.add(chunk);
    onBytes(tally.bytes);
    yield chunk;
  }
}
