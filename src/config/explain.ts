import { heldDirectoryOf, peerAuthOf, peerHostDefault } from './config.ts';
import { OPTION_KEYS, optionOf, type OptionKey } from './options.ts';
import type { ConfiguredPeer } from './peers.ts';
import { RANK, placeText, type Given } from './problem.ts';
import type { Setting, Settings } from './settings.ts';

/** One effective key, as `check-config` shows it; as JSON it is a row. */
export interface ExplainRow {
  readonly key: string;
  /** As it would stand in a file; a secret is `***`; null: none. */
  readonly value: string | null;
  /** `default`, `FILE:LINE`, `environment CROSSDC_…` or `--set`. */
  readonly source: string;
}

/** Every key, with its effective value and where it came from, in the order of the interface. */
export function explainRows(settings: Settings, peers: readonly ConfiguredPeer[]): ExplainRow[] {
  return OPTION_KEYS.flatMap((key): ExplainRow[] => {
    const setting = settings.setting(key);
    if (optionOf(key).takesPeer !== true) return [row(key, setting, setting.text ?? derived(key, settings))];
    // The peers are in the order of their lines, the one without a suffix first.
    const lines: [string, Setting][] = [
      ...(setting.given === null ? [] : [[key, setting] as [string, Setting]]),
      ...[...settings.peers].map(([name, peer]): [string, Setting] => [`${key}.${name}`, peer]),
    ];
    return lines.map(([name, line], index) => row(name, line, peers[index]?.machines.join(',') ?? line.text));
  });
}

/** The defaults that depend on other keys. */
function derived(key: OptionKey, settings: Settings): string | null {
  if (key === 'dataSnapshotStorageDirectory' && !settings.isGiven('dataSnapshotJdbcUrl'))
    return heldDirectoryOf(settings.get('stateDirectory') ?? '');
  if (key === 'peerAuth') return peerAuthOf(settings);
  return key === 'crossDCHttpHost' ? peerHostDefault(peerAuthOf(settings)) : null;
}

function row(key: string, setting: Setting, value: string | null): ExplainRow {
  return { key, value, source: setting.given === null ? 'default' : sourceText(setting.given) };
}

function sourceText({ key, value, written, place }: Given): string {
  const isVariable = place.rank === RANK.environment || place.rank === RANK.dotenv;
  const source = isVariable ? `${placeText(place)} ${written}` : placeText(place);
  return key.endsWith('File') ? `${source} (${value})` : source;
}

/** The rows as a table for people, a line each, columns aligned. */
export function explainTable(rows: readonly ExplainRow[]): string {
  const header: ExplainRow = { key: 'KEY', value: 'VALUE', source: 'SOURCE' };
  const all = [header, ...rows].map((line) => ({ ...line, value: line.value ?? 'none' }));
  const keyWidth = Math.max(...all.map(({ key }) => key.length));
  // One very long value must not push every source out of sight.
  const valueWidth = Math.min(48, Math.max(...all.map(({ value }) => value.length)));
  return all
    .map(({ key, value, source }) => `${key.padEnd(keyWidth)}  ${value.padEnd(valueWidth)}  ${source}\n`)
    .join('');
}
