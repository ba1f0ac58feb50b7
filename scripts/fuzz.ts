// `npm run fuzz -- --requests N --seed S [--auth key|none]`: a JSON line on stdout for each kind of pair, exit status 1
// when anything is wrong. The same seed sends the same again; `--show N` prints what request N of the seed is.
import { parseArgs } from 'node:util';
import { fuzz, maker } from '../test/support/fuzz/fuzz.ts';

const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '100000' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 1_000_000)) },
    auth: { type: 'string' },
    show: { type: 'string' },
  },
});
const requests = Number(values.requests);
const seed = Number(values.seed);
const { auth, show } = values;
const KINDS = ['key', 'none'] as const;
const kinds = KINDS.filter((kind) => auth === undefined || auth === kind);
if (!(requests > 0) || !Number.isSafeInteger(requests) || !Number.isSafeInteger(seed) || kinds.length === 0) {
  console.error('usage: npm run fuzz -- [--requests N] [--seed INTEGER] [--auth key|none] [--show INDEX]');
  process.exit(2);
}
if (show !== undefined) {
  const { to, kind, end, writes } = maker(seed)(Number(show));
  console.log(JSON.stringify({ to, kind, end, writes: writes.map((piece) => piece.toString('latin1')) }));
  process.exit(0);
}
let problems = 0;
for (const kind of kinds) {
  const share = Math.ceil(requests / kinds.length);
  console.error(`sending ${share} hostile requests with seed ${seed} to a pair with peerAuth=${kind} …`);
  const report = await fuzz({ requests: share, seed, auth: kind, tell: (line) => console.error(line) });
  console.log(JSON.stringify(report));
  problems += report.problemCount;
}
process.exit(problems === 0 ? 0 : 1);
