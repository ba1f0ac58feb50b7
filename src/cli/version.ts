import { readFile } from 'node:fs/promises';
import { packageFile } from '../package-files.ts';

/** The version of the package that this program belongs to. */
export async function packageVersion(): Promise<string> {
  const text = await readFile(packageFile('package.json'), 'utf8');
  const { version } = JSON.parse(text) as { version: string };
  return version;
}
