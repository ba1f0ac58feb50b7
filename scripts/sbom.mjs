// Writes what the gateway runs with as a bill of materials (CycloneDX, JSON) into the file of the first argument, else
// sbom.cdx.json. It is made from what is installed and fails where that is not what package-lock.json says.
//
// `npm sbom --omit dev` alone would leave out what a package for development needs as well (pg was missing, npm 11.19):
// so npm lists everything, and what package-lock.json marks as needed for development only is taken out here.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';

const OUTPUT_MAX_BYTES = 64 * 1024 * 1024;
const FOLDER = 'node_modules/';

const [file = 'sbom.cdx.json'] = process.argv.slice(2);
const readProject = (name) => JSON.parse(readFileSync(new URL(`../${name}`, import.meta.url), 'utf8'));

/** `name@version` of everything that is installed without `--include=dev`. */
function refsAtRunTime() {
  const entries = Object.entries(readProject('package-lock.json').packages);
  const atRunTime = entries.filter(
    ([path, { dev, devOptional }]) => path !== '' && dev !== true && devOptional !== true,
  );
  return atRunTime.map(([path, { version }]) => `${path.slice(path.lastIndexOf(FOLDER) + FOLDER.length)}@${version}`);
}

const output = execFileSync('npm', ['sbom', '--sbom-format', 'cyclonedx', '--sbom-type', 'application'], {
  encoding: 'utf8',
  maxBuffer: OUTPUT_MAX_BYTES,
  stdio: ['ignore', 'pipe', 'inherit'],
});
const bom = JSON.parse(output);
const self = bom.metadata.component;
// npm names a private package by the folder in which it happens to lie.
self.name = readProject('package.json').name;
const kept = new Set([self['bom-ref'], ...refsAtRunTime()]);
const isKept = (ref) => kept.has(ref);
bom.components = bom.components.filter((component) => isKept(component['bom-ref']));
bom.dependencies = bom.dependencies
  .filter(({ ref }) => isKept(ref))
  .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter(isKept) }));
writeFileSync(file, `${JSON.stringify(bom, null, 2)}\n`);
console.log(`${file}: ${bom.components.length} packages`);
