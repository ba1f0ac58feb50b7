import { parseCommandLine, type Command } from '../command.ts';
import { printable } from '../display-width.ts';
import { CliError, EXIT } from '../exit-status.ts';
import { writeJson, writeLine } from '../io.ts';
import { table } from '../table.ts';
import { inspected, type Inspected } from './inspected.ts';
import { readKeyFile } from './secret-file.ts';

const GRAMMAR = { name: 'keys inspect', options: { json: { type: 'boolean' } }, positionals: ['FILE...'] } as const;

export const inspectCommand: Command = {
  help: `\
crossdc keys inspect FILE... [--json]

Shows what is in files of keys and certificates, and nothing secret: the kind of each, the data centre for which it
speaks, its id (of a key the kid of the tokens that it signs, of a certificate the beginning of its SHA-256 fingerprint,
of a private key for TLS the same of its public half) and until when it is valid. The exit status is 1 when something has
expired, cannot be read, or is a secret that others can read.

  --json             one JSON document, with whole fingerprints and times
`,
  async run(argv, io) {
    const { values, positionals } = parseCommandLine(GRAMMAR, argv);
    const files: Inspected[] = [];
    for (const path of positionals) files.push(await inspectFile(path, io.wallMs()));
    if (values.json === true) await writeJson(io.stdout, files);
    else for (const line of asTable(files)) await writeLine(io.stdout, line);
    for (const { file, problems } of files)
      for (const problem of problems) await writeLine(io.stderr, `crossdc: ${printable(`${file}: ${problem}`)}`);
    for (const { file, warnings } of files)
      for (const warning of warnings)
        await writeLine(io.stderr, `crossdc: warning: ${printable(`${file}: ${warning}`)}`);
    return files.every(({ problems }) => problems.length === 0) ? EXIT.done : EXIT.failed;
  },
};

async function inspectFile(path: string, wallMs: number): Promise<Inspected> {
  try {
    return inspected({ file: path, ...(await readKeyFile(path)), wallMs });
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    // The message begins with the file's name, which stands before it anyway.
    const problem = error.message.startsWith(`${path} `) ? error.message.slice(path.length + 1) : error.message;
    return { file: path, mode: null, items: [], problems: [problem], warnings: [] };
  }
}

function asTable(files: readonly Inspected[]): string[] {
  const rows = files.flatMap(({ file, items }) =>
    items.map(({ kind, names, id, role, validTo }) => [
      printable(file),
      kind,
      printable(names.join(', ') || '-'),
      id.slice(0, 16),
      role ?? '-',
      validTo === null ? '-' : validTo.slice(0, 10),
    ]),
  );
  return rows.length === 0 ? [] : table(['FILE', 'KIND', 'SPEAKS-FOR', 'ID', 'ROLE', 'VALID-UNTIL'], rows);
}
