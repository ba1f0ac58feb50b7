import type { Command } from './command.ts';
import { CONFIG_HELP, runArguments } from './config-arguments.ts';

export const runCommand: Command = {
  async help() {
    const { configHelp } = await import('../config/help.ts');
    return `\
crossdc run --config FILE [--app-config FILE] [--set KEY=VALUE]...

Runs the gateway in the foreground until SIGTERM or SIGINT; a second signal ends it at once. Logs to stderr.

${CONFIG_HELP}
Every key may also come from the environment: crossDCHttpPort from CROSSDC_CROSS_DC_HTTP_PORT.
crossdc check-config --config FILE shows what is in effect. The keys:

${configHelp()}`;
  },
  async run(argv, io) {
    const { configFile, appConfigFile, set } = runArguments(argv);
    const { runGateway } = await import('../daemon/run.ts');
    const { packageVersion } = await import('./version.ts');
    const version = await packageVersion();
    return runGateway({ version, configFile, appConfigFile, set, env: io.env, stderr: io.stderr });
  },
};
