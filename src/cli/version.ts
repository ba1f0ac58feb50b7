import { readFile } from 'node:fs/promises';

/** The version of the package that this file belongs to, compiled or not: both lie two folders below package.json. */
export async function packageVersion(): Promise<string> {
  const text = await readFile(new URL('../../package.json', import.meta.url), 'utf8');
  const { version } = JSON.parse(text) as { version: string };
  return version;
}
