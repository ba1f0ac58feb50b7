import type { Probe } from '../daemon/probe.ts';
import type { Command } from './command.ts';
import { CONFIG_HELP, checkConfigArguments } from './config-arguments.ts';
import { EXIT } from './exit-status.ts';
import { write, writeJson, writeLine } from './io.ts';

export const checkConfigCommand: Command = {
  help: `\
crossdc check-config --config FILE [--app-config FILE] [--set KEY=VALUE]... [--probe] [--json]

Prints every effective key, its value (secrets as ***) and where it came from. Starts nothing. What is wrong is said on
stderr, all of it at once; then the exit status is 78.

With --probe it also tries whether a gateway could work now: the state folder and the held folder or the database can be
written, the program of failoverCommand and the files of the secrets are there. A line each, ok or failed with what to
do; the exit status is 1 when one failed. Nothing is changed, and a gateway that runs is not disturbed. Run it as the
user, and in the folder, that the gateway runs in.

${CONFIG_HELP}  --probe            also try the stores and what the gateway starts
  --json             one JSON document: the keys; with --probe {"keys": [...], "probes": [...]}
`,
  async run(argv, io) {
    const { json, probe, ...sources } = checkConfigArguments(argv);
    // Loaded after the arguments were found right: the schemas take longer than everything else here.
    const [{ loadConfig }, { explainTable }] = await Promise.all([
      import('../config/load.ts'),
      import('../config/explain.ts'),
    ]);
    const loaded = loadConfig({ ...sources, environment: io.env });
    const notices = loaded.ok ? loaded.notices : [];
    const remarks = [
      ...loaded.warnings.map((line) => `warning: ${line}`),
      ...notices.map((line) => `notice: ${line}`),
      ...(loaded.ok ? [] : loaded.problems),
    ];
    for (const line of remarks) await writeLine(io.stderr, line);
    if (!loaded.ok) return EXIT.badConfiguration;
    if (!probe) {
      if (json) await writeJson(io.stdout, loaded.explain);
      else await write(io.stdout, explainTable(loaded.explain));
      return EXIT.done;
    }
    const { probeWorld } = await import('../daemon/probe.ts');
    const probes = await probeWorld(loaded.config, loaded.secretFiles);
    if (json) await writeJson(io.stdout, { keys: loaded.explain, probes });
    else await write(io.stdout, `${explainTable(loaded.explain)}\n${probes.map(probeLine).join('')}`);
    return probes.every(({ ok }) => ok) ? EXIT.done : EXIT.failed;
  },
};

function probeLine({ key, ok, detail }: Probe): string {
  return `${ok ? 'ok    ' : 'failed'}  ${key}: ${detail}\n`;
}
