import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';

/** Files of this package that the program reads at start. Compiled or not, this file lies two folders below package.json. */
const PACKAGE = new URL('../../package.json', import.meta.url);
const OPENAPI = [new URL('../openapi.json', import.meta.url), new URL('../../docs/openapi.json', import.meta.url)];

export async function packageVersion(): Promise<string> {
  const { version } = JSON.parse(await readFile(PACKAGE, 'utf8')) as { version: string };
  return version;
}

export async function openapiDocument(): Promise<object> {
  const found = OPENAPI.find((url) => existsSync(url));
  if (found === undefined) throw new Error('openapi.json is missing from this installation');
  return JSON.parse(await readFile(found, 'utf8')) as object;
}
