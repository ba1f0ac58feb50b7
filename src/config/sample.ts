import { OPTION_KEYS, optionOf, type OptionKey } from './options.ts';
import { GROUPS, GROUP_TITLES, defaultText, sampleValue, wrap } from './text.ts';

const WIDTH = 100;

/** What differs from one data centre's sample file to the other's. */
interface Sample {
  readonly title: string;
  /** The lines that are in force; every other key is commented out. */
  readonly values: Readonly<Partial<Record<OptionKey, string>>>;
  /** For secrets that lie in a file: its path, in force as well. */
  readonly secretFiles: Readonly<Partial<Record<OptionKey, string>>>;
  /** For keys that are commented out: something better than the table's example. */
  readonly examples: Readonly<Partial<Record<OptionKey, string>>>;
}

/** Two gateways on one machine that work as they stand, once they have a key. */
export const SAMPLES: Readonly<Record<'dc1' | 'dc2', Sample>> = {
  dc1: sampleOf({ name: 'dc1', peer: 'dc2', base: 25_090, peerBase: 25_190 }),
  dc2: sampleOf({ name: 'dc2', peer: 'dc1', base: 25_190, peerBase: 25_090 }),
};

interface Place {
  readonly name: string;
  readonly peer: string;
  /** The port of the local API; the peer listener has the next one, the metrics the one after that. */
  readonly base: number;
  readonly peerBase: number;
}

function sampleOf({ name, peer, base, peerBase }: Place): Sample {
  return {
    title: `crossdc-gateway: configuration of the data centre ${name}.`,
    values: {
      localDataCenterName: name,
      crossDCHttpPort: String(base + 1),
      remoteDataCenterApplicationMachineNames: `127.0.0.1:${peerBase + 1}`,
      stateDirectory: `./state/${name}`,
      localApiPort: String(base),
      peerAuth: 'key',
    },
    secretFiles: { peerSharedKey: './peer.keys' },
    examples: {
      dataSnapshotStorageDirectory: `./state/${name}/held`,
      metricsPort: String(base + 2),
      remoteDataCenterName: peer,
    },
  };
}

const INTRODUCTION = [
  'Made from the table of options by npm run generate:config: copy it, and edit the copy.',
  'With etc/dc1.conf and etc/dc2.conf as they stand two gateways on one machine find each other. They need one file',
  'more, with which they prove to each other who they are: crossdc keys generate --output ./peer.keys',
  '',
  'A line is key=value, and everything after the first = is the value. A # at the start of a line makes a comment;',
  'a key with a # right before it is commented out and shows its default, or an example where there is none.',
  'Relative paths are relative to the folder in which the gateway is started.',
];

/** A configuration file with every key, annotated. */
export function sampleFile({ title, values, secretFiles, examples }: Sample): string {
  const parts = [[title, ...INTRODUCTION].map((line) => `# ${line}`.trimEnd()).join('\n') + '\n'];
  for (const group of GROUPS) {
    parts.push(`# ---- ${GROUP_TITLES[group]} ----\n`);
    for (const key of OPTION_KEYS.filter((name) => optionOf(name).group === group)) {
      const active = values[key];
      const value = active ?? examples[key] ?? sampleValue(optionOf(key));
      parts.push(
        `${annotation(key)}${active === undefined ? '#' : ''}${key}=${value}\n${fileLine(key, secretFiles[key])}`,
      );
    }
  }
  return parts.join('\n');
}

function annotation(key: OptionKey): string {
  const option = optionOf(key);
  const { meaning, raising, lowering } = option.doc;
  const unit = option.unit === null ? '' : `Unit: ${option.unit}. `;
  const paragraphs = [
    meaning,
    `Value: ${option.kind.name}. ${unit}Default: ${defaultText(option)}.`,
    ...(raising === undefined ? [] : [`Raising it: ${raising}`]),
    ...(lowering === undefined ? [] : [`Lowering it: ${lowering}`]),
  ];
  return paragraphs.map((paragraph) => wrap(paragraph, WIDTH, '# ')).join('');
}

/** A secret can also lie in a file of its own. */
function fileLine(key: OptionKey, path: string | undefined): string {
  if (path !== undefined) return `${key}File=${path}\n`;
  return optionOf(key).isSecret === true ? `#${key}File=/run/secrets/${key}\n` : '';
}
