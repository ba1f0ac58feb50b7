import { existsSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const OWN_FILE = fileURLToPath(import.meta.url);

/** The nearest folder above that has a package.json: the build moves modules together, so none knows how deep it lies. */
function findPackage(): string {
  for (let folder = dirname(OWN_FILE); ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) return folder;
    if (folder === dirname(folder))
      throw new Error(`${OWN_FILE} belongs to no package: there is no package.json above it`);
  }
}

/** A file of this package, by its path from package.json. */
export function packageFile(path: string): URL {
  return pathToFileURL(join(findPackage(), path));
}

/** A module of this program that is started by itself, by its path without the ending; compiled or not, as this one is. */
export function programModule(path: string): URL {
  const ending = extname(OWN_FILE);
  return packageFile(`${ending === '.ts' ? 'src' : 'dist'}/${path}${ending}`);
}
