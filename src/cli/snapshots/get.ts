import { parseCommandLine, type Command } from '../command.ts';
import { printable } from '../display-width.ts';
import { EXIT, usageError } from '../exit-status.ts';
import { formatBytes } from '../format.ts';
import { writeLine } from '../io.ts';
import { LocalApi } from '../local-api.ts';
import { resolveTarget, TARGET_HELP, TARGET_OPTIONS } from '../target.ts';
import { download } from './download.ts';
import { outgoingPath, parseVersion, segment, withQuery } from './paths.ts';
import { Progress } from './progress.ts';
import { fileSink, streamSink } from './sink.ts';

const GRAMMAR = {
  name: 'snapshots get',
  options: {
    ...TARGET_OPTIONS,
    held: { type: 'string' },
    version: { type: 'string' },
    workload: { type: 'string' },
    output: { type: 'string' },
  },
  positionals: ['ORIGIN'],
} as const;

export const getCommand: Command = {
  help: `\
crossdc snapshots get ORIGIN [--held PEER] [--version V] [--workload W] [--output FILE]

Writes the bytes of ORIGIN's newest snapshot to stdout or to FILE, verified against their digest. FILE appears whole or
not at all. A connection that breaks is taken up again where it broke; a download to FILE that was ended is gone on with by
the next one of the same snapshot.

  --held PEER        what is held from PEER; without it, our own outgoing snapshot
  --version V        this version, also an older one; without it, the newest that can be offered
  --workload W       of another workload than the data centre's own
  --output FILE      else stdout
${TARGET_HELP}`,
  async run(argv, io) {
    const { values, positionals } = parseCommandLine(GRAMMAR, argv);
    const [origin = ''] = positionals;
    const path = pathOf(origin, values);
    if (values.output === undefined && io.stdout.isTTY === true) {
      throw usageError('snapshots get: the bytes of a snapshot are not for a terminal; give --output FILE or a pipe');
    }
    const api = new LocalApi(await resolveTarget(values, io));
    const sink = values.output === undefined ? streamSink(io.stdout) : await fileSink(values.output);
    const progress = new Progress(io, printable(origin));
    try {
      const got = await download({ api, io, path, sink, onProgress: (bytes, total) => progress.update(bytes, total) });
      await sink.commit();
      progress.end();
      if (values.output !== undefined) {
        const version = got.version === undefined ? '' : `version ${printable(got.version)}, `;
        await writeLine(io.stderr, `${printable(origin)}: ${version}${formatBytes(got.bytes)}, sha256 ${got.sha256}`);
      }
    } finally {
      progress.end();
      if (await sink.discard()) {
        await writeLine(io.stderr, `${printable(origin)}: what has come is kept; the same command goes on with it`);
      }
    }
    return EXIT.done;
  },
};

function pathOf(
  origin: string,
  values: { held?: string | undefined; version?: string | undefined; workload?: string | undefined },
): string {
  const { held, workload } = values;
  const version = parseVersion(values.version);
  if (held !== undefined) {
    const base = `/v1/peers/${segment(held, '--held')}/snapshots/${segment(origin, 'ORIGIN')}`;
    return withQuery(base, { version, workload });
  }
  return outgoingPath(origin, { version, workload });
}
