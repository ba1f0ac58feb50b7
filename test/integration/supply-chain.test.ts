import { execFile } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { expect } from 'chai';
import { PROJECT, projectFile } from '../support/project.ts';

interface LockedPackage {
  readonly version?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly link?: boolean;
  readonly dev?: boolean;
  readonly devOptional?: boolean;
  readonly hasInstallScript?: boolean;
}

const manifest = JSON.parse(projectFile('package.json')) as {
  readonly name: string;
  readonly dependencies: Readonly<Record<string, string>>;
};
const locked = Object.entries(
  (JSON.parse(projectFile('package-lock.json')) as { packages: Record<string, LockedPackage> }).packages,
).filter(([path]) => path !== '');
const atRunTime = locked.filter(([, { dev, devOptional }]) => dev !== true && devOptional !== true);

/** Names of those that are not as they should be. */
function without(
  packages: readonly [string, LockedPackage][],
  isRight: (found: LockedPackage, path: string) => boolean,
): string[] {
  return packages.filter(([path, found]) => !isRight(found, path)).map(([path]) => path);
}

describe('the packages that the gateway runs with', () => {
  it('are all in the lock file: each direct one, and what they need', () => {
    const paths = atRunTime.map(([path]) => path);
    expect(paths).to.include.members(Object.keys(manifest.dependencies).map((name) => `node_modules/${name}`));
    expect(paths.length).to.be.greaterThan(Object.keys(manifest.dependencies).length);
  });

  it('run nothing when they are installed, by what the lock file and what each of them says', () => {
    expect(without(atRunTime, ({ hasInstallScript }) => hasInstallScript !== true)).to.deep.equal([]);
    const isQuiet = (_: LockedPackage, path: string): boolean => {
      const folder = join(PROJECT, path);
      // One for another platform is not installed here.
      if (!existsSync(folder)) return true;
      const { scripts = {} } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
        scripts?: Record<string, string>;
      };
      const runs = ['preinstall', 'install', 'postinstall'].filter((name) => name in scripts);
      return runs.length === 0 && !existsSync(join(folder, 'binding.gyp'));
    };
    expect(without(atRunTime, isQuiet)).to.deep.equal([]);
    expect(
      without(locked, ({ hasInstallScript }) => hasInstallScript !== true),
      'the mark is there at all',
    ).to.include('node_modules/esbuild');
  });

  it('have no native code', () => {
    const hasNative = atRunTime.filter(([path]) => existsSync(join(PROJECT, path, 'prebuilds')));
    expect(hasNative.map(([path]) => path)).to.deep.equal([]);
  });

  it('come, as all others do, from a registry with a SHA-512 that is checked, and from nowhere else', () => {
    expect(without(locked, ({ integrity }) => /^sha512-[A-Za-z0-9+/]{86}==$/.test(integrity ?? ''))).to.deep.equal([]);
    expect(without(locked, ({ link }) => link !== true)).to.deep.equal([]);
    // Without an address npm asks the registry that it is configured for. Git, a file or a second host would show here.
    const sources = new Set(
      locked.map(([, { resolved }]) => (resolved === undefined ? 'npm' : new URL(resolved).origin)),
    );
    expect([...sources].filter((source) => !/^(npm|https:\/\/[a-z0-9.-]+)$/.test(source))).to.deep.equal([]);
    expect(sources.size).to.equal(1);
    expect(Object.values(manifest.dependencies).filter((range) => !/^[\^~]?\d+(\.\d+)*$/.test(range))).to.deep.equal(
      [],
    );
  });
});

describe('the scripts about packages', function () {
  this.timeout(60_000);
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'crossdc-packages-'))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** @param npm what `npm` is instead, as a shell script */
  function run(script: string, args: readonly string[], npm?: string): Promise<{ status: number; out: string }> {
    if (npm !== undefined) {
      writeFileSync(join(folder, 'npm'), `#!/bin/sh\n${npm}\n`);
      chmodSync(join(folder, 'npm'), 0o755);
    }
    const env = { ...process.env, PATH: `${folder}${delimiter}${process.env.PATH ?? ''}` };
    return new Promise((resolve) => {
      execFile(process.execPath, [join(PROJECT, script), ...args], { cwd: PROJECT, env }, (error, out) =>
        resolve({ status: typeof error?.code === 'number' ? error.code : 0, out }),
      );
    });
  }

  const says = (report: object): string => `cat <<'END'\n${JSON.stringify(report)}\nEND\nexit 1`;
  const advisory = {
    source: 1,
    name: 'minimist',
    title: 'Prototype pollution',
    url: 'https://github.com/advisories/GHSA-vh95-rmgr-6w4m',
    severity: 'moderate',
    range: '<0.2.1',
  };

  it('list every package in the bill of materials, each direct one and what they need, and nothing for development', async () => {
    const file = join(folder, 'sbom.json');
    const { status, out } = await run('scripts/sbom.mjs', [file]);
    expect(status, out).to.equal(0);
    const bom = JSON.parse(readFileSync(file, 'utf8')) as {
      readonly bomFormat: string;
      readonly metadata: { readonly component: { readonly name: string; readonly type: string } };
      readonly components: readonly { readonly name: string; readonly version: string }[];
    };
    expect(bom.bomFormat).to.equal('CycloneDX');
    expect(bom.metadata.component).to.include({ name: manifest.name, type: 'application' });
    const names = bom.components.map(({ name }) => name);
    expect(names).to.include.members(Object.keys(manifest.dependencies));
    expect(names).to.include.members(['pg-protocol', 'sonic-boom']).and.not.include.members(['mocha', 'typescript']);
    const installed = atRunTime.filter(([path]) => existsSync(join(PROJECT, path)));
    expect(bom.components.map(({ version }) => version)).to.include.members(
      installed.map(([, { version }]) => version),
    );
    expect(readFileSync(file, 'utf8'), 'no path of this machine').not.to.include(PROJECT);
  });

  it('say that a registry that cannot be asked was not asked, and go on', async () => {
    for (const npm of [says({ message: '405 Method Not Allowed' }), 'echo no JSON; exit 1', 'exit 1']) {
      const { status, out } = await run('scripts/audit.mjs', [], npm);
      expect(status, out).to.equal(0);
      expect(out).to.match(/^advisories: the registry could not be asked, so nothing was checked: \S/);
    }
  });

  it('fail on an advisory that nobody has looked at, and name it once', async () => {
    const vulnerabilities = { minimist: { via: [advisory] }, mkdirp: { via: ['minimist', advisory] } };
    const { status, out } = await run('scripts/audit.mjs', [], says({ auditReportVersion: 2, vulnerabilities }));
    expect(status).to.equal(1);
    expect(out.split('\n').filter((line) => line.startsWith('GHSA-'))).to.deep.equal([
      `GHSA-vh95-rmgr-6w4m: minimist <0.2.1: Prototype pollution (moderate, ${advisory.url})`,
    ]);
  });

  it('are content without advisories', async () => {
    const { status, out } = await run('scripts/audit.mjs', [], says({ auditReportVersion: 2, vulnerabilities: {} }));
    expect({ status, out }).to.deep.equal({
      status: 0,
      out: 'advisories: 0 known, 0 of them excepted, 0 to be looked at\n',
    });
  });

  it('have a reason in the documents for every exception', () => {
    const exceptions = JSON.parse(projectFile('scripts/audit-exceptions.json')) as { readonly advisory: string }[];
    const document = projectFile('docs/dependencies.md');
    for (const exception of exceptions) {
      expect(exception.advisory).to.match(/^GHSA(-[a-z0-9]{4}){3}$/);
      expect(document).to.include(exception.advisory);
    }
    expect(document).to.include('scripts/audit-exceptions.json');
  });
});
