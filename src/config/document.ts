import { environmentName } from './environment.ts';
import { OPTION_KEYS, optionOf, type OptionKey } from './options.ts';
import { GROUPS, GROUP_TITLES, defaultText, groupOf } from './text.ts';

const INTRODUCTION = `# Configuration

<!-- Made from the table of options (src/config) by \`npm run generate:config\`; a test compares the two. -->

A gateway is configured with a text file of \`key=value\` lines, one file per data centre. \`#\` at a line's start makes a
comment; the value is everything after the first \`=\`, trimmed. \`etc/dc1.conf\` and \`etc/dc2.conf\` have every key with its
meaning and work as they stand: two gateways on one machine.

\`\`\`sh
npx crossdc check-config --config etc/dc1.conf
\`\`\`

prints every effective key, its value and where it came from, and starts nothing. Secrets are shown as \`***\`.

A working configuration file of the IBM Streams crossdc-failover toolkit starts this gateway as it stands, on loopback:
this version cannot yet make sure who a peer is, and so refuses to start with any other address. It has no store in a
database yet either: the \`dataSnapshotJdbc…\` keys that select one must be empty or left out. Of the toolkit's keys an
empty value (\`key=\`) means, as there, that the key is not given; of ours it is an error.

## Sources

The strongest first:

1. \`--set KEY=VALUE\` on the command line, any number of times
2. the environment: \`CROSSDC_\` and the key in UPPER_SNAKE_CASE, a run of capitals one word, so that \`crossDCHttpPort\` is
   \`CROSSDC_CROSS_DC_HTTP_PORT\`; an unknown \`CROSSDC_\` variable is a warning
3. a file \`.env\` in the folder of the configuration file, with the same names; optional, and nothing but its \`CROSSDC_\`
   variables is looked at. dotenv reads it, so \`#\` and quotes mean there what they mean to dotenv
4. the file of \`--config\`
5. the file of \`--app-config\`
6. the default

An app-config file holds the keys of several applications, each with the prefix \`namespace::MainComposite_\`, for example
\`com.acme.test::MyTest1_localDataCenterName=dc1\`. \`applicationName\` selects the prefix, in full
(\`com.acme.test::MyTest1\`) or without the namespace (\`MyTest1\`). Where no stronger source gives an applicationName, the
only application in the file is meant. Keys of other applications are ignored.

## Secrets

A secret key \`K\` can be given as \`KFile\`, the path of a file that holds it; line ends at the end of that file do not belong
to it. Both in one source contradict each other. Of two sources the stronger wins, whichever of the two ways it uses.

## Paths

Relative paths are relative to the current directory, that in which the gateway is started, and not to the configuration
file.

## What is checked

Everything is checked before any port is opened, and every problem is reported at once, a line each, beginning with
\`FILE:LINE: key\` (\`environment: CROSSDC_…\`, \`--set: key\`). Then the exit status is 78. A configuration that can be run but
is hardly meant, such as a snapshot interval shorter than the heartbeat interval, gives warnings that say why.
`;

const TITLES = { ...GROUP_TITLES, later: 'Keys that are not built yet' } as const;
const LATER_SAYS =
  'The interface names these keys. This version refuses them at start, by name, wherever they are given.\n';

/** docs/configuration.md. */
export function configurationDocument(): string {
  const groups = GROUPS.map((group) => {
    const keys = OPTION_KEYS.filter((key) => groupOf(optionOf(key)) === group);
    const introduction = group === 'later' ? `\n${LATER_SAYS}` : '';
    return `\n## ${TITLES[group]}\n${introduction}${keys.map(section).join('')}`;
  });
  return INTRODUCTION + groups.join('');
}

function section(key: OptionKey): string {
  const option = optionOf(key);
  const { meaning, raising, lowering } = option.doc;
  const isPlain = option.defaultSays !== undefined || option.default === null;
  const items = [
    ...(option.availableFrom === 'later' ? [] : [`Value: ${option.kind.name}`]),
    `Default: ${isPlain ? escaped(defaultText(option)) : `\`${defaultText(option)}\``}`,
    ...(option.unit === null ? [] : [`Unit: ${option.unit}`]),
    ...(raising === undefined ? [] : [`Raising it: ${raising}`]),
    ...(lowering === undefined ? [] : [`Lowering it: ${lowering}`]),
    `Environment: \`${environmentName(key)}\`${option.isSecret === true ? `, \`${environmentName(`${key}File`)}\`` : ''}`,
    ...(option.isSecret === true ? [`Secret: never printed; also as \`${key}File\``] : []),
  ];
  return `\n### ${key}\n\n${meaning}\n\n${items.map((item) => `- ${item}\n`).join('')}`;
}

function escaped(text: string): string {
  return text.replace(/<([A-Za-z]+)>/g, '`<$1>`');
}
