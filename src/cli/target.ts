import { readFile } from 'node:fs/promises';
import { usageError } from './exit-status.ts';
import { fileProblem } from './file-problem.ts';
import type { CliIo } from './io.ts';

/** Where the gateway is, and who told. */
export interface Target {
  readonly url: URL;
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
  --url URL          where the gateway's local API is; else CROSSDC_URL, else ${DEFAULT_URL}
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
  return { url: parseUrl(text, source), source, ...(await findToken(options['token-file'], io)) };
}

function parseUrl(text: string, source: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw usageError(`${source}: "${text}" is no URL of the form ${DEFAULT_URL}`);
  }
  if (url.username !== '' || url.password !== '') {
    throw usageError(`${source}: give the token by CROSSDC_TOKEN or --token-file, not in the URL`);
  }
  return url;
}

async function findToken(file: string | undefined, io: CliIo): Promise<Pick<Target, 'token' | 'tokenSource'>> {
  const token = (file === undefined ? (io.env.CROSSDC_TOKEN ?? '') : await readToken(file)).trim();
  const source = file === undefined ? 'CROSSDC_TOKEN' : `--token-file ${file}`;
  if (token === '' && file !== undefined) throw usageError(`${source} is empty`);
  // Anything else could not stand in a header; the token itself is not shown.
  if (!/^[\x21-\x7e]*$/.test(token)) throw usageError(`${source} has characters that a token cannot have`);
  return token === '' ? { token: undefined } : { token, tokenSource: source };
}

async function readToken(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw usageError(`--token-file ${file} cannot be read: ${fileProblem(error)}`);
  }
}
