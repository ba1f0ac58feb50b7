import { environmentName } from './environment.ts';
import { OPTION_KEYS, optionOf, type OptionKey } from './options.ts';
import { GROUPS, GROUP_TITLES, defaultText } from './text.ts';

const INTRODUCTION = `# Configuration

<!-- Made from the table of options (src/config) by \`npm run generate:config\`; a test compares the two. -->

A gateway is configured with a text file of \`key=value\` lines, one file per data centre. \`#\` at a line's start makes a
comment; the value is everything after the first \`=\`, trimmed. \`etc/dc1.conf\` and \`etc/dc2.conf\` have every key with its
meaning and work as they stand, once they have a key: two gateways on one machine.

\`\`\`sh
npx crossdc keys generate --output peer.keys
npx crossdc check-config --config etc/dc1.conf
\`\`\`

prints every effective key, its value and where it came from, and starts nothing. Secrets are shown as \`***\`.

\`--probe\` also tries whether a gateway could work with it now: that the state folder, and the held folder or the database,
can be written, and that the program of \`failoverCommand\` and the files of the secrets are there. Nothing is changed, a
folder that is missing is not made, and a gateway that runs on the same folders is not disturbed. Run it as the user, and
in the folder, that the gateway runs in. Each thing that was tried has a line, \`ok\` or \`failed\` with what to do; when one
failed, the exit status is 1.

\`\`\`sh
npx crossdc check-config --config etc/dc1.conf --set stateDirectory=/dev/null/state --probe | grep failed
\`\`\`

\`\`\`text
failed  stateDirectory: /dev/null is no folder; name another, or move it away
…
\`\`\`

A working configuration file of the IBM Streams crossdc-failover toolkit starts this gateway as it stands, on loopback.
With any other address the peers must prove who they are, and the start is refused until two lines are added; it says
which ([security.md](security.md#keys-in-five-minutes)). Of databases it takes PostgreSQL alone, and refuses every other by
its name. Of the toolkit's keys an empty value (\`key=\`) means, as there, that the key is not given; of ours it is an error.

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

Such a file, and each other file with a secret in it (\`peerTlsKeyFile\`, \`snapshotEncryptionKeyFile\`), is for the user of the
gateway alone. One that is open to every user of the machine is refused (\`chmod 600 FILE\`); one that is open to its group
(0640), or belongs to another user who is not root, gets a warning. Links are followed. Kubernetes and Docker mount secrets
for everybody unless told otherwise: \`defaultMode: 0400\`, \`mode: 0400\`. A configuration file, \`.env\` file or app-config file
that holds a secret itself and that others or its group may read gets a warning, and so does a secret on the command line
(\`--set\`).

## Paths

Relative paths are relative to the current directory, that in which the gateway is started, and not to the configuration
file.

## The PostgreSQL store

\`dataSnapshotJdbcUrl\` puts what the peers replicate to this gateway into a PostgreSQL database; its own snapshots stay in
\`stateDirectory\`. The URL is that of pgjdbc (\`jdbc:postgresql://HOST:PORT/DATABASE\`, \`jdbc:postgresql:DATABASE\`) or of psql
(\`postgresql://USER:PASSWORD@HOST:PORT/DATABASE\`, \`postgres://…\`). The port is 5432 and the database has the name of the
user unless it is said. In a name or a password \`%\` is written \`%25\`, \`/\` \`%2F\`, \`?\` \`%3F\`, \`#\` \`%23\`, \`@\` \`%40\` and \`:\`
\`%3A\`; in a parameter of a JDBC URL \`+\` is a blank. Wherever the URL is shown, its password is \`***\`.

| parameter | meaning |
|---|---|
| \`user\`, \`password\` | as before the \`@\`, and as \`dataSnapshotJdbcUser\` and \`dataSnapshotJdbcPassword\`; two that differ are a problem |
| \`host\`, \`port\`, \`dbname\` | instead of those before the \`?\`; \`host=/run/postgresql\` is the folder of a Unix socket |
| \`sslmode\` | \`disable\`, \`allow\`, \`prefer\`, \`require\`, \`verify-ca\` or \`verify-full\`. Not said: \`disable\` where every host is this machine, else \`prefer\` with a warning |
| \`ssl=true\` | \`sslmode=verify-full\`, as with pgjdbc |
| \`sslrootcert\` | a PEM file with the authorities that the server's certificate must come from, or \`system\` for those that Node.js trusts (with \`NODE_EXTRA_CA_CERTS\`). \`verify-ca\` and \`verify-full\` need it; \`require\` with a file is \`verify-ca\` |
| \`sslcert\`, \`sslkey\` | PEM files of our own certificate and its key |
| \`currentSchema\` | the schema of \`dataSnapshotTableName\` when that has none |

What else pgjdbc and psql know, such as \`ApplicationName\` and \`loginTimeout\`, is accepted with a notice that it has no
effect; a parameter that nobody knows is a problem. A database that is away does not keep the gateway from starting.

## What is checked

Everything is checked before any port is opened, and every problem is reported at once, a line each, beginning with
\`FILE:LINE: key\` (\`environment: CROSSDC_…\`, \`--set: key\`). Then the exit status is 78. A configuration that can be run but
is hardly meant, such as a snapshot interval shorter than the heartbeat interval, gives warnings that say why.
`;

/** docs/configuration.md. */
export function configurationDocument(): string {
  const groups = GROUPS.map((group) => {
    const keys = OPTION_KEYS.filter((key) => optionOf(key).group === group);
    return `\n## ${GROUP_TITLES[group]}\n${keys.map(section).join('')}`;
  });
  return INTRODUCTION + groups.join('');
}

function section(key: OptionKey): string {
  const option = optionOf(key);
  const { meaning, raising, lowering } = option.doc;
  const isPlain = option.defaultSays !== undefined || option.default === null;
  const items = [
    `Value: ${option.kind.name}`,
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
