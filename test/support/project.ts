import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of package.json, also when the tests run from a compiled copy in a folder of it. */
export const PROJECT = findProject(dirname(fileURLToPath(import.meta.url)));

function findProject(folder: string): string {
  try {
    const { name } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { name?: string };
    if (name === 'crossdc-gateway') return folder;
  } catch {
    // Not here; the project's folder is further up.
  }
  const above = dirname(folder);
  if (above === folder)
    throw new Error('the package.json of crossdc-gateway is in none of the folders above this file');
  return findProject(above);
}

/** The text of a file of the project. */
export function projectFile(path: string): string {
  return readFileSync(join(PROJECT, path), 'utf8');
}

/** The programs that `.ci/run` installs for the tests. */
export function installedTools(): string[] {
  const [, tools = ''] = /^TOOLS='(.*)'$/m.exec(projectFile('.ci/run')) ?? [];
  return tools.split(' ').map((entry) => entry.split(':')[0] ?? '');
}
