import { asDelivery } from './answers.ts';
import { parseCommandLine, type Command } from './command.ts';
import { printable } from './display-width.ts';
import { deliveryText } from './event-text.ts';
import { EXIT } from './exit-status.ts';
import { formatAge, formatBytes } from './format.ts';
import { writeJson, writeLine } from './io.ts';
import { LocalApi } from './local-api.ts';
import { withQuery } from './snapshots/paths.ts';
import { table } from './table.ts';
import { resolveTarget, TARGET_HELP, TARGET_OPTIONS } from './target.ts';

const GRAMMAR = {
  name: 'deliver',
  options: {
    ...TARGET_OPTIONS,
    origin: { type: 'string', multiple: true },
    workload: { type: 'string' },
    json: { type: 'boolean' },
  },
  positionals: ['PEER'],
} as const;

export const deliverCommand: Command = {
  help: `\
crossdc deliver PEER [--origin O]... [--workload W] [--json]

Starts a delivery to the application here of what is held from PEER. Changes nothing in what is held, and moves no
ownership. crossdc events shows when the application has taken it (delivery-done).

  --origin O         only this origin; may be given again
  --workload W       of another workload than PEER's own: one delivery is of one workload
  --json             the delivery as one JSON document
${TARGET_HELP}`,
  async run(argv, io) {
    const { values, positionals } = parseCommandLine(GRAMMAR, argv);
    const api = new LocalApi(await resolveTarget(values, io));
    const path = withQuery('/v1/deliveries', { workload: values.workload });
    const json = { dataCenter: positionals[0], ...(values.origin === undefined ? {} : { origins: values.origin }) };
    const delivery = asDelivery(api.target, await api.json({ method: 'POST', path, json }));
    if (values.json === true) {
      await writeJson(io.stdout, delivery);
      return EXIT.done;
    }
    await writeLine(io.stdout, `delivery ${printable(deliveryText(delivery))}`);
    const rows = delivery.snapshots.map((row) => [
      printable(row.origin),
      String(row.version),
      formatBytes(row.bytes),
      formatAge(row.takenAt, io.wallMs()),
      row.state,
    ]);
    for (const line of table(['ORIGIN', '>VERSION', '>BYTES', '>AGE', 'STATE'], rows)) await writeLine(io.stdout, line);
    return EXIT.done;
  },
};
