// `npm run soak -- --minutes N --seed S [--store file|postgresql] [--verbose]`: a JSON line on stdout, a table for people
// on stderr, exit status 1 when anything is wrong. The same seed does the same again.
import { parseArgs } from 'node:util';
import { reportText } from '../test/support/soak/report.ts';
import { soak } from '../test/support/soak/soak.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 1_000_000)) },
    store: { type: 'string', default: 'postgresql' },
    verbose: { type: 'boolean', default: false },
  },
});
const minutes = Number(values.minutes);
const seed = Number(values.seed);
const { store, verbose } = values;
if (!(minutes > 0) || !Number.isSafeInteger(seed) || (store !== 'file' && store !== 'postgresql')) {
  console.error('usage: npm run soak -- [--minutes N] [--seed INTEGER] [--store file|postgresql] [--verbose]');
  process.exit(2);
}
console.error(`soaking for ${minutes} min with seed ${seed} …`);
const report = await soak({
  minutes,
  seed,
  store,
  tell: (line) => {
    if (verbose || line.includes('PROBLEM')) console.error(line);
  },
});
console.log(JSON.stringify(report));
console.error(reportText(report));
process.exit(report.verdict === 'ok' ? 0 : 1);
