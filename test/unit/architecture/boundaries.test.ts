import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { PROJECT } from '../../support/project.ts';
import { runTool, type ToolResult } from '../../support/tools.ts';

const CHECK = join(PROJECT, 'scripts/check-boundaries.mjs');

/** What each rule forbids, as a file that does it. The files that are imported are there too, and harmless. */
const PLANTED: readonly { readonly rule: string; readonly file: string; readonly text: string }[] = [
  { rule: 'core-is-pure', file: 'core/reads-files.ts', text: `import 'node:fs';` },
  { rule: 'core-is-pure', file: 'core/uses-package.ts', text: `import 'valibot';` },
  { rule: 'core-is-pure', file: 'core/knows-errors.ts', text: `import '../errors.ts';` },
  {
    rule: 'core-is-pure',
    file: 'core/knows-port.ts',
    text: `import type { Port } from '../ports/port.ts';\nexport type P = Port;`,
  },
  { rule: 'wire-knows-core', file: 'wire/knows-port.ts', text: `import '../ports/port.ts';` },
  { rule: 'ports-know-core-and-wire', file: 'ports/knows-service.ts', text: `import '../services/service.ts';` },
  { rule: 'services-know-ports', file: 'services/knows-adapter.ts', text: `import '../adapters/adapter.ts';` },
  { rule: 'services-know-ports', file: 'services/knows-config.ts', text: `import '../config/config.ts';` },
  { rule: 'adapters-know-ports', file: 'adapters/knows-service.ts', text: `import '../services/service.ts';` },
  { rule: 'adapters-know-ports', file: 'adapters/knows-config.ts', text: `import '../config/config.ts';` },
  { rule: 'metrics-know-ports', file: 'metrics/knows-service.ts', text: `import '../services/service.ts';` },
  { rule: 'config-stands-alone', file: 'config/knows-port.ts', text: `import '../ports/port.ts';` },
  { rule: 'web-stands-alone', file: 'web/knows-core.ts', text: `import '../core/core.ts';` },
  { rule: 'cli-talks-to-the-local-api', file: 'cli/knows-service.ts', text: `import '../services/service.ts';` },
  { rule: 'roots-stand-alone', file: 'root.ts', text: `import './core/core.ts';` },
  { rule: 'services-do-not-touch-the-world', file: 'services/opens-sockets.ts', text: `import 'node:net';` },
  { rule: 'services-do-not-touch-the-world', file: 'ports/reads-files.ts', text: `import 'node:fs/promises';` },
  { rule: 'ports-and-web-need-no-packages', file: 'ports/uses-package.ts', text: `import 'valibot';` },
  { rule: 'wire-and-services-need-a-schema-library', file: 'services/uses-http.ts', text: `import 'undici';` },
  { rule: 'metrics-need-a-registry', file: 'metrics/uses-http.ts', text: `import 'undici';` },
  { rule: 'config-needs-few-packages', file: 'config/uses-http.ts', text: `import 'express';` },
  { rule: 'cli-needs-few-packages', file: 'cli/uses-server.ts', text: `import 'express';` },
  { rule: 'postgresql-is-one-adapter', file: 'adapters/uses-database.ts', text: `import 'pg';` },
  { rule: 'nobody-imports-daemon', file: 'adapters/knows-daemon.ts', text: `import '../daemon/daemon.ts';` },
  { rule: 'nobody-imports-daemon', file: 'cli/status.ts', text: `import '../daemon/daemon.ts';` },
  { rule: 'nobody-imports-cli', file: 'daemon/knows-cli.ts', text: `import '../cli/cli.ts';` },
  { rule: 'src-does-not-know-tests', file: 'daemon/knows-test.ts', text: `import '../../test/fake.ts';` },
  { rule: 'no-dev-packages-at-run-time', file: 'daemon/uses-chai.ts', text: `import 'chai';` },
  { rule: 'no-circular', file: 'daemon/one.ts', text: `import './other.ts';\nexport const one = 1;` },
  { rule: 'no-circular', file: 'daemon/other.ts', text: `import './one.ts';\nexport const other = 1;` },
  { rule: 'no-unresolvable', file: 'daemon/knows-nothing.ts', text: `import './no-such-file.ts';` },
];

/** Imports that every rule allows; a check that is red for everything would prove nothing. */
const ALLOWED: readonly { readonly file: string; readonly text: string }[] = [
  { file: 'units.ts', text: 'export const KIB = 1024;' },
  { file: 'errors.ts', text: `import './units.ts';` },
  { file: 'core/core.ts', text: `import '../units.ts';` },
  { file: 'wire/wire.ts', text: `import 'valibot';\nimport '../core/core.ts';\nimport '../errors.ts';` },
  { file: 'ports/port.ts', text: `import '../wire/wire.ts';\nexport interface Port {\n  readonly name: string;\n}` },
  {
    file: 'services/service.ts',
    text: `import 'node:crypto';\nimport 'valibot';\nimport '../ports/port.ts';\nimport '../wire/wire.ts';`,
  },
  { file: 'adapters/adapter.ts', text: `import 'node:fs';\nimport 'undici';\nimport '../ports/port.ts';` },
  { file: 'adapters/postgresql/store.ts', text: `import 'pg';` },
  { file: 'metrics/metric.ts', text: `import 'prom-client';\nimport '../ports/port.ts';\nimport '../errors.ts';` },
  { file: 'config/config.ts', text: `import 'node:fs';\nimport 'valibot';\nimport '../core/core.ts';` },
  { file: 'web/page.ts', text: 'export const page = 1;' },
  {
    file: 'daemon/daemon.ts',
    text: `import '../services/service.ts';\nimport '../adapters/adapter.ts';\nimport '../metrics/metric.ts';`,
  },
  { file: 'cli/cli.ts', text: `import type { Port } from '../ports/port.ts';\nexport type Known = Port;` },
  { file: 'cli/run.ts', text: `import '../daemon/daemon.ts';` },
  { file: 'cli/demo/gateways.ts', text: `import '../../daemon/daemon.ts';` },
];

describe('the arrows between the folders of src/', function () {
  this.timeout(60_000);
  let folder: string;

  // Inside the project, so that packages are found; the name is one that every tool ignores.
  beforeEach(() => (folder = mkdtempSync(join(PROJECT, '.build-boundaries-'))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  function check(files: readonly { readonly file: string; readonly text: string }[]): ToolResult {
    write('tsconfig.json', '{ "compilerOptions": { "module": "nodenext", "allowImportingTsExtensions": true } }');
    const packages = {
      dependencies: { valibot: '1', undici: '7', express: '5', 'prom-client': '15' },
      devDependencies: { chai: '6' },
    };
    write('package.json', JSON.stringify({ name: 'planted', type: 'module', ...packages }));
    write('test/fake.ts', 'export const fake = 1;');
    for (const { file, text } of files) write(join('src', file), `${text}\n`);
    return runTool(process.execPath, [CHECK], { cwd: folder });
  }

  function write(path: string, text: string): void {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }

  it('are held: each planted violation is found, under the name of its rule', () => {
    const { status, output } = check([...ALLOWED, ...PLANTED]);
    expect(status).not.to.equal(0);
    for (const { rule, file } of PLANTED) expect(output, `${rule} in ${file}`).to.include(`error ${rule}: src/${file}`);
  });

  it('let everything through that the architecture allows', () => {
    expect(check(ALLOWED)).to.include({ status: 0 });
  });

  it('are not called held when nothing was looked at', () => {
    const { status, output } = check([{ file: 'units.ts', text: 'export const KIB = 1024;' }]);
    expect(output).to.include('0 imports');
    expect(status).not.to.equal(0);
  });

  it('have a planted violation for each rule there is', async () => {
    const { default: config } = (await import(join(PROJECT, '.dependency-cruiser.cjs'))) as {
      default: { forbidden: readonly { name: string }[] };
    };
    const planted = new Set(PLANTED.map(({ rule }) => rule));
    expect(config.forbidden.map(({ name }) => name).filter((name) => !planted.has(name))).to.deep.equal([]);
  });

  it('are kept by the program itself', () => {
    expect(runTool(process.execPath, [CHECK], { cwd: PROJECT })).to.include({ status: 0 });
  });
});
