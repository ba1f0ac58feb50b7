import { readFile, stat } from 'node:fs/promises';
import { printable } from './display-width.ts';
import { usageError } from './exit-status.ts';
import { fileProblem } from './file-problem.ts';
import { writeLine, type CliIo } from './io.ts';

/** Where the gateway is, and who told. */
export interface Target {
  /** For a gateway on a Unix socket the name that its requests are sent under. */
  readonly url: URL;
  /** The path of that socket (`localApiSocket`); absent where the gateway has a host and a port. */
  readonly socket?: string;
  /** For messages: `--url`, `CROSSDC_URL`, or that it is the default. */
  readonly source: string;
  /** Never printed. */
  readonly token: string | undefined;
  /** For messages: `CROSSDC_TOKEN` or the option with its file; absent where there is no token. */
  readonly tokenSource?: string;
}

export const DEFAULT_URL = 'http://127.0.0.1:25090';

/** Options of every command that talks to a gateway. The token is no option: a command line is readable by everybody. */
export const TARGET_OPTIONS = { url: { type: 'string' }, 'token-file': { type: 'string' } } as const;

export const TARGET_HELP = `\
  --url URL          where the gateway's local API is, or unix:PATH of its socket; else CROSSDC_URL, else
                     ${DEFAULT_URL}
  --token-file FILE  a file with the local API's token; else CROSSDC_TOKEN
`;

/** @throws CliError (usage) for a URL that is none and for a token that cannot be one */
export async function resolveTarget(
  options: { readonly url?: string | undefined; readonly 'token-file'?: string | undefined },
  io: CliIo,
): Promise<Target> {
  const fromEnvironment = io.env.CROSSDC_URL ?? '';
  const [text, source] =
    options.url !== undefined
      ? [options.url, '--url']
      : fromEnvironment !== ''
        ? [fromEnvironment, 'CROSSDC_URL']
        : [DEFAULT_URL, 'the default'];
  return { ...parsePlace(text, source), source, ...(await findToken(options['token-file'], io)) };
}

/** The name of a host that is nowhere: the gateway on a socket does not look at it. */
const SOCKET_URL = 'http://localhost';
/** What an address of a Unix socket has room for; a longer path would be cut and be another one. */
const SOCKET_PATH_MAX_BYTES = 107;

function parsePlace(text: string, source: string): Pick<Target, 'url' | 'socket'> {
  // Not by URL: a path may have a % or a blank in it, and is taken as it is.
  const socket = /^unix:(?:\/\/(?=\/))?(.*)$/is.exec(text)?.[1];
  if (socket === undefined) return { url: parseUrl(text, source) };
  if (socket === '' || socket.includes('\0') || Buffer.byteLength(socket) > SOCKET_PATH_MAX_BYTES)
    throw usageError(`${source}: unix: needs the path of a socket, of at most ${SOCKET_PATH_MAX_BYTES} bytes`);
  return { url: new URL(SOCKET_URL), socket };
}

function parseUrl(text: string, source: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw usageError(`${source}: "${text}" is no URL of the form ${DEFAULT_URL} or unix:PATH`);
  }
  if (url.username !== '' || url.password !== '') {
    throw usageError(`${source}: give the token by CROSSDC_TOKEN or --token-file, not in the URL`);
  }
  return url;
}

async function findToken(file: string | undefined, io: CliIo): Promise<Pick<Target, 'token' | 'tokenSource'>> {
  const token = (file === undefined ? (io.env.CROSSDC_TOKEN ?? '') : await readToken(file, io)).trim();
  const source = file === undefined ? 'CROSSDC_TOKEN' : `--token-file ${file}`;
  if (token === '' && file !== undefined) throw usageError(`${source} is empty`);
  // Anything else could not stand in a header; the token itself is not shown.
  if (!/^[\x21-\x7e]*$/.test(token)) throw usageError(`${source} has characters that a token cannot have`);
  return token === '' ? { token: undefined } : { token, tokenSource: source };
}

async function readToken(file: string, io: CliIo): Promise<string> {
  try {
    const token = await readFile(file, 'utf8');
    const found = await stat(file);
    // Windows has no such modes; what is no file has no other readers.
    if (process.platform !== 'win32' && found.isFile() && (found.mode & OTHERS) !== 0) {
      const mode = (found.mode & 0o7777).toString(8).padStart(4, '0');
      const what = `${file} holds a token and is open to every user of this machine (mode ${mode})`;
      await writeLine(io.stderr, `crossdc: warning: --token-file ${printable(what)}: chmod 600 it`);
    }
    return token;
  } catch (error) {
    throw usageError(`--token-file ${file} cannot be read: ${fileProblem(error)}`);
  }
}

/** The bits of a mode that let every user read, write or run a file. */
const OTHERS = 0o007;
