import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { packageFile } from '../package-files.ts';

/** In docs/, and beside the compiled program where there is no docs/. */
const PLACES = ['docs/openapi.json', 'dist/openapi.json'];

export async function openapiDocument(): Promise<object> {
  const found = PLACES.map(packageFile).find((url) => existsSync(url));
  if (found === undefined) throw new Error('openapi.json is missing from this installation');
  return JSON.parse(await readFile(found, 'utf8')) as object;
}
