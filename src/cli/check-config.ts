import type { Command } from './command.ts';
import { CONFIG_HELP, checkConfigArguments } from './config-arguments.ts';
import { EXIT } from './exit-status.ts';
import { write, writeJson, writeLine } from './io.ts';

export const checkConfigCommand: Command = {
  help: `\
crossdc check-config --config FILE [--app-config FILE] [--set KEY=VALUE]... [--json]

Prints every effective key, its value (secrets as ***) and where it came from. Starts nothing. What is wrong is said on
stderr, all of it at once; then the exit status is 78.

${CONFIG_HELP}  --json             one JSON document
`,
  async run(argv, io) {
    const { json, ...sources } = checkConfigArguments(argv);
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
    if (json) await writeJson(io.stdout, loaded.explain);
    else await write(io.stdout, explainTable(loaded.explain));
    return EXIT.done;
  },
};
