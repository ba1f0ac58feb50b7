// Holds the arrows between the folders of src/ (.dependency-cruiser.cjs) for the project in the working directory.
// dependency-cruiser without a TypeScript that it can use cruises nothing and says that all is well; so what it has
// looked at is counted against what is there.
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cruise, format } from 'dependency-cruiser';
import extractTsConfig from 'dependency-cruiser/config-utl/extract-ts-config';

const { forbidden, options } = createRequire(import.meta.url)('../.dependency-cruiser.cjs');
const { fileName } = options.tsConfig;
const ruleSet = { forbidden };

const { output } = await cruise(
  ['src'],
  { ...options, ruleSet, validate: true },
  {},
  { tsConfig: extractTsConfig(fileName) },
);
const sources = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ts'));
const cruised = new Set(output.modules.map(({ source }) => source));
const missed = sources.filter((path) => !cruised.has(`src/${path}`));
// An import is what there is to check: of files with hundreds of them, finding none means that none was read.
const links = output.modules.reduce((sum, { dependencies }) => sum + dependencies.length, 0);

const report = await format(output, { outputType: 'err' });
console.log(report.output.trim());
if (sources.length === 0 || missed.length > 0 || links === 0) {
  console.error(`checked only ${sources.length - missed.length} of ${sources.length} files and ${links} imports`);
  process.exitCode = 1;
}
if (report.exitCode > 0) process.exitCode = 1;
