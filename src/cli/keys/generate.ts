import { join, resolve } from 'node:path';
import { DATA_CENTER_NAME } from '../../core/certificate-names.ts';
import { parseCommandLine, type Command } from '../command.ts';
import { EXIT, usageError } from '../exit-status.ts';
import { write, writeLine, type CliIo } from '../io.ts';
import { keyFileText, type KeyFile } from './key-file.ts';
import { newPrivateKey, publicHalf } from './make-keys.ts';
import { createFile, createFiles, makeFolder, SECRET_MODE } from './secret-file.ts';
import { keyComment, newEncryptionKeyFile, newSharedKeyFile, pairHeader, peerKeyLines } from './texts.ts';

const GRAMMAR = {
  name: 'keys generate',
  options: {
    output: { type: 'string' },
    ed25519: { type: 'boolean' },
    directory: { type: 'string' },
    encryption: { type: 'boolean' },
  },
  positionals: ['[DC]...'],
} as const;

export const generateCommand: Command = {
  help: `\
crossdc keys generate [--output FILE]
crossdc keys generate --ed25519 DC DC... --directory DIR
crossdc keys generate --encryption [--output FILE]

Makes a shared key, with which all gateways sign what they say to each other: one file for all data centres.

  --ed25519 DC DC... instead a pair of keys for each data centre: a file DIR/DC.keys for each, with its own private key
                     and the public keys of the others. Whoever steals the file of one cannot speak for another
  --directory DIR    where those files go; made, for this user alone, if it is not there
  --encryption       instead a key that encrypts stored snapshots (snapshotEncryptionKeyFile), of one data centre
  --output FILE      a new file that only this user can read (0600); without it the key goes to stdout

No file is ever overwritten; crossdc keys rotate puts a new key in the place of an old one.
`,
  async run(argv, io) {
    const { values, positionals } = parseCommandLine(GRAMMAR, argv);
    if (values.ed25519 === true && values.encryption === true)
      throw usageError('keys generate: --ed25519 and --encryption are two kinds of keys; give one of the two');
    if (values.ed25519 === true) return generatePairs(positionals, values, io);
    const [surplus] = positionals;
    if (surplus !== undefined)
      throw usageError(`keys generate does not take "${surplus}" without --ed25519 (crossdc keys generate --help)`);
    if (values.directory !== undefined)
      throw usageError('keys generate: --directory goes with --ed25519; of one key the file is --output FILE');
    return generateOne(values.encryption === true, values.output, io);
  },
};

async function generateOne(isEncryption: boolean, output: string | undefined, io: CliIo): Promise<number> {
  const { text, id } = isEncryption ? newEncryptionKeyFile(io.wallMs()) : newSharedKeyFile(io.wallMs());
  if (output === undefined) {
    await write(io.stdout, text);
    return EXIT.done;
  }
  await createFile({ path: output, text, mode: SECRET_MODE }, 'put a new key into it with crossdc keys rotate');
  const lines = isEncryption
    ? [
        `${output}: a key that encrypts stored snapshots, id ${id}. Keep a copy elsewhere, and add to the configuration:`,
        `snapshotEncryptionKeyFile=${resolve(output)}`,
      ]
    : [
        `${output}: a shared key, id ${id}. Copy the file to every data centre, and add to each configuration:`,
        ...peerKeyLines(output),
      ];
  for (const line of lines) await writeLine(io.stdout, line);
  return EXIT.done;
}

async function generatePairs(
  names: readonly string[],
  { directory, output }: { readonly directory?: string | undefined; readonly output?: string | undefined },
  io: CliIo,
): Promise<number> {
  if (names.length < 2)
    throw usageError(
      'keys generate --ed25519 needs the names of two data centres at least (crossdc keys generate --help)',
    );
  const wrong = names.find((name) => !DATA_CENTER_NAME.test(name));
  if (wrong !== undefined)
    throw usageError(
      `"${wrong}" is no name of a data centre: 1 to 64 of A-Z a-z 0-9 . _ -, beginning with a letter or digit`,
    );
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw usageError(`keys generate: ${twice} was given twice`);
  if (directory === undefined) throw usageError('keys generate --ed25519 needs --directory DIR for its files');
  if (output !== undefined)
    throw usageError('keys generate: --ed25519 makes several files; give --directory DIR instead of --output');
  const wallMs = io.wallMs();
  const privateKeys = new Map(names.map((name) => [name, newPrivateKey(name)]));
  await makeFolder(directory);
  const files = names.map((name) => ({
    path: join(directory, `${name}.keys`),
    text: keyFileText(pairFile(name, privateKeys, wallMs)),
    mode: SECRET_MODE,
  }));
  await createFiles(files, 'put new keys into it with crossdc keys rotate');
  await writeLine(
    io.stdout,
    'A file for each data centre. Copy it there and to nobody else, and add to its configuration:',
  );
  for (const { path } of files) for (const line of peerKeyLines(path)) await writeLine(io.stdout, line);
  return EXIT.done;
}

function pairFile(own: string, privateKeys: ReadonlyMap<string, string>, wallMs: number): KeyFile {
  const mine = [...privateKeys].filter(([name]) => name === own).map(([, item]) => item);
  const theirs = [...privateKeys].filter(([name]) => name !== own);
  const items = [...mine, ...theirs.map(([name, item]) => publicHalf(name, item.split(':')[3] ?? ''))];
  return { header: pairHeader(own, wallMs), keys: items.map((item) => entry(item, wallMs)), footer: [] };
}

function entry(item: string, wallMs: number): KeyFile['keys'][number] {
  return { item, comments: [keyComment(item, wallMs)], mark: null };
}
