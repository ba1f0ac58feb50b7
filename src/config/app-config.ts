import type { Line, ParsedFile } from './parser.ts';
import { RANK, quoted, type Given, type Remark } from './problem.ts';

/** `com.acme.test::MyTest1_localDataCenterName`, taken apart. */
interface PrefixedLine {
  readonly line: Line;
  /** `com.acme.test::MyTest1`. */
  readonly application: string;
  readonly key: string;
}

/**
 * The lines of one application in an app-config file, which holds several applications' keys, each prefixed with
 * `namespace::MainComposite_`.
 *
 * The prefix is the one that `applicationName` names, in full or without its namespace; where no source names the
 * application, the only one in the file is meant. Keys of other applications are not even looked at.
 *
 * @param applicationName null: no stronger source gives one
 */
export function selectApplication(
  file: ParsedFile,
  path: string,
  applicationName: string | null,
): { readonly given: readonly Given[]; readonly problems: readonly Remark[] } {
  const problems = [...file.problems];
  const prefixed: PrefixedLine[] = [];
  for (const line of file.lines) {
    const parsed = parsePrefixed(line);
    if (parsed !== null) prefixed.push(parsed);
    else
      problems.push({
        place: line.place,
        key: line.key,
        message: 'has no prefix; a key here is namespace::MainComposite_key',
      });
  }
  const applications = [...new Set(prefixed.map(({ application }) => application))];
  if (applications.length === 0) return { given: [], problems };
  const chosen = choose(applications, applicationName);
  if (typeof chosen === 'object') {
    const place = { rank: RANK.appConfig, name: path, line: null };
    return { given: [], problems: [...problems, { place, key: 'applicationName', message: chosen.problem }] };
  }
  const given = prefixed
    .filter(({ application }) => application === chosen)
    .map(({ line, key }) => ({ key, written: line.key, value: line.value, place: line.place }));
  return { given, problems };
}

/**
 * A namespace and a composite may have underscores, a peer's name in a key's suffix may have them too; a key has none.
 * So the prefix ends at the last underscore before the suffix.
 */
function parsePrefixed(line: Line): PrefixedLine | null {
  const colons = line.key.lastIndexOf('::');
  const local = line.key.slice(colons < 0 ? 0 : colons + 2);
  const dot = local.indexOf('.');
  const underscore = (dot < 0 ? local : local.slice(0, dot)).lastIndexOf('_');
  if (underscore <= 0) return null;
  const end = line.key.length - local.length + underscore;
  return { line, application: line.key.slice(0, end), key: line.key.slice(end + 1) };
}

function choose(applications: readonly string[], name: string | null): string | { readonly problem: string } {
  const [first, ...others] = applications;
  const wanted = name ?? 'default';
  if (applications.includes(wanted)) return wanted;
  const matching = applications.filter((application) => application.split('::').at(-1) === wanted);
  if (matching.length === 1 && matching[0] !== undefined) return matching[0];
  if (name === null && matching.length === 0 && others.length === 0 && first !== undefined) return first;
  const candidates = matching.length > 1 ? matching : applications;
  const shown = candidates.slice(0, 20).map(quoted).join(', ') + (candidates.length > 20 ? ', …' : '');
  if (name === null) return { problem: `must say which application of this file is meant; right are ${shown}` };
  return matching.length > 1
    ? { problem: `${quoted(name)} is the name of several applications in this file; right are ${shown}` }
    : { problem: `${quoted(name)} has no key in this file; right are ${shown}` };
}
