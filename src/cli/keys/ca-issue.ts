import { createPublicKey, type KeyObject } from 'node:crypto';
import { join, resolve } from 'node:path';
import { DATA_CENTER_NAME, namesInCertificate } from '../../core/certificate-names.ts';
import { parseCommandLine, type Command } from '../command.ts';
import { CliError, EXIT, usageError } from '../exit-status.ts';
import { writeLine, type CliIo } from '../io.ts';
import {
  authorityFiles,
  dateText,
  DIRECTORY_HELP,
  keyText,
  loadAuthority,
  newKey,
  parseCertificate,
  parsePrivateKey,
  validityOf,
  type Authority,
} from './authority.ts';
import { createFiles, PUBLIC_MODE, readKeyFile, replaceFile, SECRET_MODE } from './secret-file.ts';

const GRAMMAR = {
  name: 'keys ca issue',
  options: { directory: { type: 'string' }, days: { type: 'string' }, renew: { type: 'boolean' } },
  positionals: ['DC'],
} as const;

/** What the strictest verifiers still take. */
const DAYS = 825;

export const caIssueCommand: Command = {
  help: `\
crossdc keys ca issue DC [--directory DIR] [--days N] [--renew]

Makes DC.key and DC.crt, with which the gateway of the data centre DC proves who it is; ca.crt, the authority of the
folder, signs it. Prints the three lines for the configuration. No file is overwritten without --renew.

${DIRECTORY_HELP}  --days N           how long the certificate is valid (${DAYS}); never longer than the authority
  --renew            a new certificate for the key that DC has: DC.crt is replaced in one step, DC.key stays, so that the
                     two belong together at every moment. A gateway takes the new file without a restart
`,
  async run(argv, io) {
    const { values, positionals } = parseCommandLine(GRAMMAR, argv);
    const { directory = '.' } = values;
    const [dataCenter = ''] = positionals;
    if (!DATA_CENTER_NAME.test(dataCenter))
      throw usageError(
        `"${dataCenter}" is no name of a data centre: 1 to 64 of A-Z a-z 0-9 . _ -, beginning with a letter or digit`,
      );
    const { fromMs, untilMs } = validityOf(values.days, DAYS, io.wallMs());
    const authority = await loadAuthority(directory, io);
    const request = { dataCenter, directory, authority, fromMs, untilMs: await bounded(untilMs, authority, io) };
    await (values.renew === true ? renew(request, io) : issue(request, io));
    return EXIT.done;
  },
};

interface Request {
  readonly dataCenter: string;
  readonly directory: string;
  readonly authority: Authority;
  readonly fromMs: number;
  readonly untilMs: number;
}

/** A certificate that outlives its authority is worth nothing from then on, and would hide when it really ends. */
async function bounded(untilMs: number, { expiresMs }: Authority, io: CliIo): Promise<number> {
  if (untilMs <= expiresMs) return untilMs;
  const until = dateText(expiresMs);
  await writeLine(
    io.stderr,
    `crossdc: warning: the authority expires on ${until}, before the certificate would: it ends then too`,
  );
  return expiresMs;
}

function filesOf({ directory, dataCenter }: Request): { keyFile: string; certificateFile: string } {
  return { keyFile: join(directory, `${dataCenter}.key`), certificateFile: join(directory, `${dataCenter}.crt`) };
}

async function certificateFor(request: Request, key: KeyObject): Promise<string> {
  // It brings a library that no other command needs.
  const { dataCenterCertificate } = await import('./certificate.ts');
  return await dataCenterCertificate({ ...request, publicKey: createPublicKey(key) });
}

async function issue(request: Request, io: CliIo): Promise<void> {
  const { keyFile, certificateFile } = filesOf(request);
  const key = newKey();
  const text = await certificateFor(request, key);
  await createFiles(
    [
      { path: keyFile, text: keyText(key), mode: SECRET_MODE },
      { path: certificateFile, text, mode: PUBLIC_MODE },
    ],
    'give --renew for a new certificate of the key that is there',
  );
  await tell(request, io);
}

async function renew(request: Request, io: CliIo): Promise<void> {
  const { keyFile, certificateFile } = filesOf(request);
  const old = parseCertificate((await readKeyFile(certificateFile)).text, certificateFile);
  const names = namesInCertificate(old);
  if (old.ca || !names.includes(request.dataCenter)) {
    const whom = names.length === 0 ? 'no data centre' : names.join(', ');
    throw new CliError(
      EXIT.failed,
      `${certificateFile} speaks for ${whom}, not for ${request.dataCenter}; it stays as it is`,
    );
  }
  const key = parsePrivateKey((await readKeyFile(keyFile)).text, keyFile);
  if (!old.checkPrivateKey(key)) {
    const right = 'remove both and issue them anew, without --renew';
    throw new CliError(EXIT.failed, `${keyFile} is not the private key of ${certificateFile}; ${right}`);
  }
  const text = await certificateFor(request, key);
  await replaceFile(certificateFile, text, 'public');
  const before = dateText(Date.parse(old.validTo));
  const until = dateText(request.untilMs);
  await writeLine(
    io.stdout,
    `${certificateFile}: for ${request.dataCenter}, valid until ${until} instead of ${before}`,
  );
}

async function tell(request: Request, io: CliIo): Promise<void> {
  const { keyFile, certificateFile } = filesOf(request);
  const { dataCenter, untilMs } = request;
  const lines = [
    `${certificateFile}: for ${dataCenter}, valid until ${dateText(untilMs)}. The configuration of ${dataCenter} needs three lines:`,
    `peerTlsCertFile=${resolve(certificateFile)}`,
    `peerTlsKeyFile=${resolve(keyFile)}`,
    `peerTlsCaFile=${resolve(authorityFiles(request.directory).certificateFile)}`,
  ];
  for (const line of lines) await writeLine(io.stdout, line);
}
