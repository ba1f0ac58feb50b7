import type { Watermarks } from '../core/watermarks.ts';
import { asPeerWatermarks, asWatermarks } from './answers.ts';
import { parseCommandLine, type Command } from './command.ts';
import { printable } from './display-width.ts';
import { EXIT } from './exit-status.ts';
import { writeJson, writeLine } from './io.ts';
import { LocalApi } from './local-api.ts';
import { segment } from './snapshots/paths.ts';
import { table } from './table.ts';
import { resolveTarget, TARGET_HELP, TARGET_OPTIONS } from './target.ts';

const GRAMMAR = {
  name: 'watermarks',
  options: { ...TARGET_OPTIONS, json: { type: 'boolean' } },
  positionals: ['[PEER]'],
} as const;

export const watermarksCommand: Command = {
  help: `\
crossdc watermarks [PEER] [--json]

Prints how far the application here has got, or how far PEER's had got by the last word of its gateway, also when PEER
is dead. The incarnation is the run of PEER's gateway that said so.

  --json             one JSON document
${TARGET_HELP}`,
  async run(argv, io) {
    const { values, positionals } = parseCommandLine(GRAMMAR, argv);
    const [peer] = positionals;
    const path = peer === undefined ? '/v1/watermarks' : `/v1/peers/${segment(peer, 'PEER')}/watermarks`;
    const api = new LocalApi(await resolveTarget(values, io));
    const answer = await api.json({ path });
    const heard = peer === undefined ? null : asPeerWatermarks(api.target, answer);
    const watermarks = heard?.watermarks ?? asWatermarks(api.target, answer);
    if (values.json === true) {
      await writeJson(io.stdout, answer);
      return EXIT.done;
    }
    if (heard !== null) await writeLine(io.stdout, `incarnation ${heard.incarnation ?? '-'}`);
    for (const line of watermarksTable(watermarks)) await writeLine(io.stdout, line);
    return EXIT.done;
  },
};

function watermarksTable(watermarks: Watermarks): string[] {
  const names = Object.keys(watermarks).sort();
  return table(
    ['NAME', '>SEQ', 'POSITION'],
    names.map((name) => {
      const { seq, position } = watermarks[name] ?? {};
      return [printable(name), seq === undefined ? '-' : String(seq), printable(position ?? '-')];
    }),
  );
}
