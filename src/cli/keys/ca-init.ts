import { randomBytes } from 'node:crypto';
import { parseCommandLine, type Command } from '../command.ts';
import { EXIT } from '../exit-status.ts';
import { writeLine } from '../io.ts';
import { authorityFiles, dateText, DIRECTORY_HELP, keyText, newKey, validityOf } from './authority.ts';
import { createFiles, makeFolder, PUBLIC_MODE, SECRET_MODE } from './secret-file.ts';

const GRAMMAR = {
  name: 'keys ca init',
  options: { directory: { type: 'string' }, days: { type: 'string' } },
  positionals: [],
} as const;

const DAYS = 3650;

export const caInitCommand: Command = {
  help: `\
crossdc keys ca init [--directory DIR] [--days N]

Makes an authority for mutual TLS between the peers: ca.key, which signs and stays here, and ca.crt, which every gateway
gets. No file is ever overwritten.

${DIRECTORY_HELP}  --days N           how long it is valid (${DAYS})
`,
  async run(argv, io) {
    const { values } = parseCommandLine(GRAMMAR, argv);
    const { directory = '.' } = values;
    const validity = validityOf(values.days, DAYS, io.wallMs());
    const key = newKey();
    // Each authority has a name of its own: while one takes the place of another, both are believed.
    const commonName = `crossdc authority ${randomBytes(4).toString('hex')}`;
    await makeFolder(directory);
    // It brings a library that no other command needs.
    const { authorityCertificate } = await import('./certificate.ts');
    const text = await authorityCertificate({ commonName, key, ...validity });
    const { keyFile, certificateFile } = authorityFiles(directory);
    await createFiles([
      { path: keyFile, text: keyText(key), mode: SECRET_MODE },
      { path: certificateFile, text, mode: PUBLIC_MODE },
    ]);
    await writeLine(
      io.stdout,
      `${certificateFile}: ${commonName}, valid until ${dateText(validity.untilMs)}; every gateway gets it`,
    );
    await writeLine(io.stdout, `${keyFile}: signs for it; keep it where no gateway runs`);
    const where = values.directory === undefined ? '' : ` --directory ${directory}`;
    await writeLine(io.stdout, `Next, for each data centre: crossdc keys ca issue DC${where}`);
    return EXIT.done;
  },
};
