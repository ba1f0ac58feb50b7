import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { expect } from 'chai';
import { PROJECT } from '../../support/project.ts';

/** Rooms in which names of others are at hand and paths are made. */
const ROOMS = ['src/adapters', 'src/services', 'src/daemon'];
const FOREIGN = String.raw`\b(?:origin|workload|dataCenter|delivery|label)\w*`;
/** A foreign name as a part of a path, or of a record's name, for which there is `recordSegment`: as an argument of `join` or `resolve`, or between slashes of a template. */
const PUT_TOGETHER = new RegExp(
  String.raw`\b(?:join|resolve)\((?:[^()]|\([^()]*\))*?(?<!pathSegment\()(?<!encodeURIComponent\()${FOREIGN}` +
    String.raw`|(?:/|\.\/)\$\{(?!pathSegment|recordSegment|encodeURIComponent)[^}]*${FOREIGN}[^}]*\}`,
);

/** Walks over the names that it finds on the disk, all of which were made before. */
const READS_NAMES = 'src/adapters/file/snapshot-scan.ts';

/** Lines that look like a path made of what others chose, and are none that reaches a disk. */
const HARMLESS = [/^\s*(\/\/|\*)/, /href/, /localeCompare/];

function suspicious(text: string): string[] {
  return text
    .split('\n')
    .filter((line) => PUT_TOGETHER.test(line) && HARMLESS.every((harmless) => !harmless.test(line)))
    .map((line) => line.trim());
}

function sources(folder: string): string[] {
  return readdirSync(join(PROJECT, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name));
}

describe('Paths of what others have named', () => {
  for (const [what, line] of [
    ['an argument of join', "const path = join(root, 'held', origin);"],
    ['an argument behind a call', 'const path = join(folderOf(root), key.origin, name);'],
    ['an argument of resolve', 'return resolve(folder, row.key.workload);'],
    ['a part of a template', 'const path = `${root}/${key.dataCenter}/x`;'],
  ] as const) {
    it(`are seen when they are ${what}`, () => expect(suspicious(line)).to.deep.equal([line]));
  }

  it('are not seen where the one encoding function makes a name of them', () => {
    expect(suspicious('const path = join(root, pathSegment(origin), `${version}.json`);')).to.deep.equal([]);
    expect(suspicious('const path = `${SNAPSHOTS_PATH}/${encodeURIComponent(origin)}`;')).to.deep.equal([]);
  });

  it('are made by the one encoding function alone', () => {
    const found = ROOMS.flatMap(sources)
      .map((path) => relative(PROJECT, path))
      .filter((path) => path !== READS_NAMES)
      .flatMap((path) => suspicious(readFileSync(join(PROJECT, path), 'utf8')).map((line) => `${path}: ${line}`));
    expect(found).to.deep.equal([]);
  });
});
