import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';

/** Beside the compiled program, or in docs/ when the sources run as they are. */
const OPENAPI = [new URL('../openapi.json', import.meta.url), new URL('../../docs/openapi.json', import.meta.url)];

export async function openapiDocument(): Promise<object> {
  const found = OPENAPI.find((url) => existsSync(url));
  if (found === undefined) throw new Error('openapi.json is missing from this installation');
  return JSON.parse(await readFile(found, 'utf8')) as object;
}
