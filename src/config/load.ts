import { warningsOf, noticesOf } from './advice.ts';
import { buildConfig, type Config } from './config.ts';
import { configureDatabase } from './database.ts';
import { configureEncryption } from './encryption.ts';
import { explainRows, type ExplainRow } from './explain.ts';
import { accessRemarks, fileAccess, secretFilesOf } from './file-access.ts';
import { gather, type ConfigSources } from './gather.ts';
import { configurePeers } from './peers.ts';
import { RANK, remarkLines, type Place } from './problem.ts';
import { readTextFile } from './read-file.ts';
import { resolve } from './resolve.ts';
import { contradictions } from './rules.ts';

/** A configuration that can be run, or everything that keeps it from being run; one line each, `FILE:LINE: key: …`. */
export type LoadedConfig =
  | {
      readonly ok: true;
      readonly config: Config;
      readonly warnings: readonly string[];
      /** What is worth saying once at the start and is no fault. */
      readonly notices: readonly string[];
      readonly explain: readonly ExplainRow[];
      /** Each file with a secret in it: how its key was written, and the path. */
      readonly secretFiles: readonly { readonly key: string; readonly path: string }[];
    }
  | { readonly ok: false; readonly problems: readonly string[]; readonly warnings: readonly string[] };

/**
 * Reads the sources, checks everything and reports every problem at once. Opens no port and writes nothing; what is
 * wrong with a configuration is a value and never an exception.
 */
export function loadConfig(sources: ConfigSources): LoadedConfig {
  const readFile = sources.readFile ?? readTextFile;
  // Whoever stands in for the disk says what its files are like, or says nothing.
  const accessOf = sources.accessOf ?? (sources.readFile === undefined ? fileAccess : () => null);
  const fallback: Place = {
    rank: RANK.nowhere,
    name: sources.configFile ?? sources.appConfigFile ?? 'configuration',
    line: null,
  };
  const gathered = gather(sources, readFile);
  const { settings, ...resolved } = resolve(gathered.given, readFile, fallback);
  const { peers, ...aboutPeers } = configurePeers(settings, fallback);
  const { database, ...aboutDatabase } = configureDatabase(settings, readFile, fallback);
  const { encryptionKeys, ...aboutEncryption } = configureEncryption(settings, readFile, fallback);
  const access = accessRemarks(settings, gathered.given, accessOf);
  // Of a file that could not be read nobody knows which keys it gives.
  const isPartial = gathered.problems.some(({ place }) => place.line === null && place.rank >= RANK.dotenv);
  const problems = [
    ...gathered.problems,
    ...resolved.problems,
    ...(isPartial ? [] : resolved.missing),
    ...aboutPeers.problems,
    ...aboutDatabase.problems,
    ...aboutEncryption.problems,
    ...contradictions(settings, fallback),
    ...access.problems,
  ];
  const warnings = remarkLines([
    ...gathered.warnings,
    ...resolved.warnings,
    ...aboutPeers.warnings,
    ...aboutDatabase.warnings,
    ...warningsOf(settings, fallback),
    ...access.warnings,
  ]);
  if (problems.length > 0) return { ok: false, problems: remarkLines(problems), warnings };
  return {
    ok: true,
    config: buildConfig(settings, peers, { database, encryptionKeys }),
    warnings,
    notices: remarkLines([...noticesOf(settings), ...aboutDatabase.notices]),
    explain: explainRows(settings, peers),
    secretFiles: secretFilesOf(settings).map(({ written, value }) => ({ key: written, path: value })),
  };
}
