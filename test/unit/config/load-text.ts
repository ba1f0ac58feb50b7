import { expect } from 'chai';
import type { Config } from '../../../src/config/config.ts';
import type { ConfigSources } from '../../../src/config/gather.ts';
import { loadConfig, type LoadedConfig } from '../../../src/config/load.ts';

export const FILE = '/etc/crossdc/dc1.conf';

/** The least that a configuration needs, on two lines. */
export const LEAST = 'localDataCenterName=dc1\nremoteDataCenterApplicationMachineNames=127.0.0.1:25191\n';

/** An error as node:fs throws it. */
export function fileError(code: string): Error {
  return Object.assign(new Error(`${code}: something about a file`), { code });
}

/** A disk with these files and no others. */
export function disk(files: Readonly<Record<string, string | Error>>): (path: string) => string {
  return (path) => {
    const content = files[path] ?? fileError('ENOENT');
    if (content instanceof Error) throw content;
    return content;
  };
}

export type Extra = Partial<Omit<ConfigSources, 'configFile' | 'readFile'>> & {
  files?: Readonly<Record<string, string | Error>>;
};

/** Loads this text as the configuration file {@link FILE}. */
export function loadText(text: string, { files = {}, ...sources }: Extra = {}): LoadedConfig {
  return loadConfig({ configFile: FILE, readFile: disk({ [FILE]: text, ...files }), ...sources });
}

/** Loads what must be right. */
export function loadGood(text: string, extra: Extra = {}): LoadedConfig & { ok: true } {
  const loaded = loadText(text, extra);
  if (!loaded.ok) throw new Error(`unexpected problems:\n${loaded.problems.join('\n')}`);
  return loaded;
}

export function configOf(text: string, extra: Extra = {}): Config {
  return loadGood(text, extra).config;
}

/** The problems of what must be wrong. */
export function problemsOf(text: string, extra: Extra = {}): readonly string[] {
  const loaded = loadText(text, extra);
  expect(loaded.ok, 'the configuration was taken').to.equal(false);
  return loaded.ok ? [] : loaded.problems;
}
