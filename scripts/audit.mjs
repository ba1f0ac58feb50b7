// Asks the registry for known advisories of what the gateway runs with. `scripts/audit-exceptions.json` lists those that
// were looked at and do not concern it; docs/dependencies.md says of each why. Exit status 1: there is one that nobody
// looked at. A registry that cannot be asked is no finding: that is said in one line, and the exit status is 0.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const PATIENCE_MS = 120_000;
const ADVISORY = /GHSA(?:-[a-z0-9]{4}){3}/i;

/** The answer of `npm audit --json`, or why there is none. */
function askRegistry() {
  const { error, stdout } = spawnSync('npm', ['audit', '--omit=dev', '--json'], {
    encoding: 'utf8',
    timeout: PATIENCE_MS,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  if (error !== undefined) return { reason: error.message };
  try {
    const report = JSON.parse(stdout);
    if (typeof report.vulnerabilities === 'object' && report.vulnerabilities !== null) return { report };
    // npm puts what went wrong into one of these, by the step at which it did.
    return { reason: report.error?.summary || report.message || report.error?.code || 'npm gave no report' };
  } catch {
    return { reason: 'npm gave no report' };
  }
}

/** Each advisory once, whichever packages it reaches us through. `via` is a text where another package is the reason. */
function advisoriesOf(report) {
  const found = new Map();
  for (const { via } of Object.values(report.vulnerabilities)) {
    for (const advisory of via.filter((one) => typeof one === 'object')) {
      const id = ADVISORY.exec(advisory.url ?? '')?.[0] ?? String(advisory.source);
      found.set(id, `${advisory.name} ${advisory.range}: ${advisory.title} (${advisory.severity}, ${advisory.url})`);
    }
  }
  return found;
}

const { report, reason } = askRegistry();
if (report === undefined) {
  console.log(`advisories: the registry could not be asked, so nothing was checked: ${reason}`);
} else {
  const exceptions = JSON.parse(readFileSync(new URL('audit-exceptions.json', import.meta.url), 'utf8'));
  const excepted = new Set(exceptions.map(({ advisory }) => advisory));
  const found = advisoriesOf(report);
  const open = [...found].filter(([id]) => !excepted.has(id));
  for (const [id, text] of open) console.log(`${id}: ${text}`);
  for (const id of excepted) if (!found.has(id)) console.log(`${id}: is no advisory of ours any more; remove it`);
  const known = found.size - open.length;
  console.log(`advisories: ${found.size} known, ${known} of them excepted, ${open.length} to be looked at`);
  if (open.length > 0) process.exitCode = 1;
}
