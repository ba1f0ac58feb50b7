import { parseCommandLine, type OptionTable } from './command.ts';
import { usageError } from './exit-status.ts';

/** Options of the commands that read a configuration. */
const CONFIG_OPTIONS = {
  config: { type: 'string' },
  'app-config': { type: 'string' },
  set: { type: 'string', multiple: true },
} as const satisfies OptionTable;

export const CONFIG_HELP = `\
  --config FILE      the configuration of this data centre: key=value lines
  --app-config FILE  a file with the keys of several applications; applicationName selects ours
  --set KEY=VALUE    stronger than the environment and the files; may be given again
`;

export interface ConfigArguments {
  readonly configFile: string;
  readonly appConfigFile: string | undefined;
  readonly set: readonly string[];
}

/** @throws CliError (usage); a key that is wrong is not looked at here, it is a problem of the configuration */
export function runArguments(argv: readonly string[]): ConfigArguments {
  const { values } = parseCommandLine({ name: 'run', options: CONFIG_OPTIONS, positionals: [] }, argv);
  return sourcesOf('run', values);
}

/** @throws CliError (usage), as runArguments */
export function checkConfigArguments(
  argv: readonly string[],
): ConfigArguments & { readonly json: boolean; readonly probe: boolean } {
  const options = { ...CONFIG_OPTIONS, json: { type: 'boolean' }, probe: { type: 'boolean' } } as const;
  const { values } = parseCommandLine({ name: 'check-config', options, positionals: [] }, argv);
  return { ...sourcesOf('check-config', values), json: values.json === true, probe: values.probe === true };
}

interface Values {
  readonly config?: string | undefined;
  readonly 'app-config'?: string | undefined;
  readonly set?: string[] | undefined;
}

function sourcesOf(name: string, values: Values): ConfigArguments {
  if (values.config === undefined || values.config === '') {
    throw usageError(`${name} needs --config FILE; etc/dc1.conf is one to begin with (crossdc ${name} --help)`);
  }
  const set = values.set ?? [];
  // What is no KEY=VALUE may be a secret whose key was forgotten: it is not repeated.
  if (set.some((pair) => pair.indexOf('=') < 1)) throw usageError(`${name}: --set takes KEY=VALUE`);
  return { configFile: values.config, appConfigFile: values['app-config'], set };
}
