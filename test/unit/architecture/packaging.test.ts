import { existsSync, readdirSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { expect } from 'chai';
import { environmentName } from '../../../src/config/environment.ts';
import { KNOWN_NAMES } from '../../../src/config/options.ts';
import { installedTools, PROJECT, projectFile } from '../../support/project.ts';

interface Manifest {
  readonly files: readonly string[];
  readonly scripts: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

const manifest = JSON.parse(projectFile('package.json')) as Manifest;

/** The instructions of a Dockerfile, continued lines joined, comments left out. */
function instructionsOf(text: string): { readonly name: string; readonly rest: string }[] {
  const lines = text
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .join('\n')
    .replace(/\\\n/g, ' ')
    .split('\n');
  return lines
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, name = '', rest = ''] = /^([A-Z]+) (.*)$/.exec(line) ?? [];
      return { name, rest: rest.replace(/\s+/g, ' ').trim() };
    });
}

describe('the Dockerfile', () => {
  const instructions = instructionsOf(projectFile('Dockerfile'));
  const last = instructions.slice(instructions.map(({ name }) => name).lastIndexOf('FROM'));
  const restOf = (name: string): string | undefined => last.find((instruction) => instruction.name === name)?.rest;

  it('has nothing but instructions', () => {
    const known = ['FROM', 'LABEL', 'ENV', 'WORKDIR', 'COPY', 'RUN', 'USER', 'VOLUME', 'EXPOSE', 'HEALTHCHECK'];
    for (const { name } of instructions) expect([...known, 'STOPSIGNAL', 'ENTRYPOINT', 'CMD']).to.include(name);
  });

  it('builds in one stage and runs from another on the same slim base', () => {
    const bases = instructions.filter(({ name }) => name === 'FROM').map(({ rest }) => rest);
    expect(bases).to.deep.equal(['node:20-bookworm-slim AS build', 'node:20-bookworm-slim']);
    expect(last.filter(({ rest }) => /npm (ci|install|run)/.test(rest))).to.deep.equal([]);
  });

  it('runs as an ordinary user who owns the state', () => {
    expect(restOf('USER')).to.equal('node');
    expect(restOf('VOLUME')).to.equal('/var/lib/crossdc');
    expect(restOf('ENV')).to.include('CROSSDC_STATE_DIRECTORY=/var/lib/crossdc');
    expect(last.find(({ rest }) => rest.includes('-o node'))?.rest).to.include('/var/lib/crossdc');
  });

  it('checks its health, opens its two ports and stops by SIGTERM', () => {
    expect(restOf('HEALTHCHECK')).to.match(/\/healthz/);
    expect(restOf('EXPOSE')).to.equal('25090 25091');
    expect(restOf('STOPSIGNAL')).to.equal('SIGTERM');
  });

  it('starts the program itself and no shell, so that signals reach it', () => {
    expect(restOf('ENTRYPOINT')).to.equal('["node", "/opt/crossdc/dist/cli/crossdc.cjs"]');
    expect(JSON.parse(restOf('CMD') ?? '')).to.deep.equal(['run', '--config', '/etc/crossdc/crossdc.conf']);
  });

  it('installs what is locked, runs no install script and leaves development packages behind', () => {
    const runs = instructions.filter(({ name }) => name === 'RUN').map(({ rest }) => rest);
    expect(runs).to.include('npm ci --ignore-scripts');
    expect(runs.join('\n')).to.include('npm prune --omit=dev');
  });

  it('copies only what is there, and what .dockerignore lets through', () => {
    const allowed = projectFile('.dockerignore')
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1));
    for (const { name, rest } of instructions) {
      if (name !== 'COPY' || rest.startsWith('--from')) continue;
      for (const source of rest.split(' ').slice(0, -1)) {
        expect(existsSync(join(PROJECT, source)), source).to.equal(true);
        expect(allowed, source).to.include(source);
      }
    }
  });

  it('has beside the program what the program reads at run time', () => {
    const copied = last.filter(({ name }) => name === 'COPY').map(({ rest }) => rest);
    // The migrations lie beside package.json, in a checkout, a package and an image alike.
    expect(copied).to.include.members(['--from=build /build/dist dist', 'sql sql']);
    expect(manifest.files).to.include.members(['dist', 'sql']);
  });

  it('holds no secret', () => {
    expect(projectFile('Dockerfile')).not.to.match(/(TOKEN|PASSWORD|_KEY)=/);
  });

  it('lets nothing into the build but by name', () => {
    const rules = projectFile('.dockerignore')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'));
    expect(rules[0]).to.equal('*');
    expect(rules.slice(1).filter((rule) => !rule.startsWith('!'))).to.deep.equal([]);
  });
});

describe('the systemd unit', () => {
  const lines = projectFile('opt/systemd/crossdc.service').split('\n');

  it('gives the gateway no more than it needs', () => {
    expect(lines).to.include.members([
      'DynamicUser=yes',
      'NoNewPrivileges=yes',
      'CapabilityBoundingSet=',
      'ProtectSystem=strict',
      'ProtectHome=yes',
      'PrivateTmp=yes',
      'SystemCallFilter=@system-service',
      'UMask=0077',
    ]);
  });

  it('bounds its memory, its files and its processes, and writes no core with keys in it', () => {
    for (const start of ['MemoryMax=', 'LimitNOFILE=', 'TasksMax=', 'LimitCORE=0', 'StateDirectory='])
      expect(lines.filter((line) => line.startsWith(start))).to.have.length(1);
  });

  it('lets it speak to networks and sockets, and to nothing else', () => {
    expect(lines).to.include('RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX');
  });

  it('shows for each secret how systemd hands it over, under the variable of its key', () => {
    const shown = lines.flatMap((line) => /^#Environment=(\w+)=%d\/(\S+)$/.exec(line)?.slice(1) ?? []);
    expect(shown.length).to.be.at.least(8);
    const names = new Set(KNOWN_NAMES.map(environmentName));
    for (const [index, variable] of shown.entries()) if (index % 2 === 0) expect([...names]).to.include(variable);
    for (const [index, name] of shown.entries())
      if (index % 2 === 1) expect(lines).to.include(`#LoadCredential=${name}:/etc/crossdc/${name}`);
  });

  it('allows Node.js to compile', () => {
    expect(lines.filter((line) => line.startsWith('MemoryDenyWriteExecute='))).to.deep.equal([]);
  });

  it('starts it again after a crash, not after a wrong configuration nor after an orderly shutdown', () => {
    expect(lines).to.include.members(['Restart=on-failure', 'RestartPreventExitStatus=2 78']);
  });
});

describe('the example of a container', () => {
  const text = projectFile('opt/examples/compose.yaml');
  const lines = text.split('\n').map((line) => line.trim());

  it('gives the gateway no more than it needs', () => {
    expect(lines).to.include.members([
      'read_only: true',
      'cap_drop: [ALL]',
      "security_opt: ['no-new-privileges:true']",
      "user: '1000:1000'",
    ]);
    expect(text).to.match(/^ +tmpfs: .*noexec/m);
  });

  it('bounds its memory, its files and its processes, and writes no core with keys in it', () => {
    for (const start of ['mem_limit: ', 'pids_limit: ', 'nofile: ', 'core: 0'])
      expect(lines.filter((line) => line.startsWith(start))).to.have.length(1);
  });

  it('publishes the port of the peers alone, and takes secrets from files', () => {
    expect(lines).to.include("ports: ['25091:25091']");
    const variables = lines.flatMap((line) => /^(CROSSDC_\w+): (\S+)$/.exec(line)?.slice(1) ?? []);
    expect(variables).to.deep.equal(['CROSSDC_PEER_SHARED_KEY_FILE', '/run/secrets/peer-keys']);
  });
});

describe('the project', () => {
  it('is tested in CI by the very command that the README gives', () => {
    const [, command = ''] = /^TEST_COMMAND='(.*)'$/m.exec(projectFile('.ci/run')) ?? [];
    expect(command).to.equal('npm ci && npm test');
    expect(projectFile('README.md')).to.include(command);
  });

  it('is checked in CI by every check there is', () => {
    expect(projectFile('.ci/run')).to.include('npm run check');
    for (const name of ['types', 'lint', 'format', 'boundaries', 'dead-code', 'api']) {
      expect(manifest.scripts.check, name).to.include(`npm run ${name}`);
      expect(manifest.scripts[name], name).to.be.a('string');
    }
  });

  it('has every program that a test needs installed in CI', () => {
    const needed = readdirSync(join(PROJECT, 'test'), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.test.ts'))
      .flatMap((path) => [...projectFile(join('test', path)).matchAll(/^describeWithTool\('([^']+)'/gm)])
      .map(([, tool]) => tool);
    expect(needed).to.include('promtool');
    expect(installedTools()).to.include.members(needed);
  });

  it('runs every test file, and none twice', () => {
    // The order of the patterns puts what keeps the cores busy before what measures time.
    const { spec } = JSON.parse(projectFile('.mocharc.json')) as { spec: string[] };
    const collect = createRequire(import.meta.url)('mocha/lib/cli/collect-files.cjs') as (
      options: Record<string, unknown>,
    ) => { files: string[] };
    const { files } = collect({ extension: ['.ts'], file: [], ignore: [], recursive: false, sort: false, spec });
    const there = readdirSync(join(PROJECT, 'test'), { recursive: true, encoding: 'utf8' });
    const tests = there.filter((path) => path.endsWith('.test.ts')).map((path) => join(PROJECT, 'test', path));
    expect(files).to.have.members(tests);
  });

  it('has a .ci/run that can be executed', () => {
    expect(statSync(join(PROJECT, '.ci/run')).mode & 0o111).to.equal(0o111);
  });

  it('says of each dependency why it is there', () => {
    const document = projectFile('docs/dependencies.md');
    const packages = [...Object.keys(manifest.dependencies), ...Object.keys(manifest.devDependencies)];
    for (const name of packages.filter((name) => !name.startsWith('@types/'))) expect(document).to.include(name);
  });

  it('holds the versions back that do not run on Node.js 20', () => {
    const major = (range: string | undefined): number => Number(/\d+/.exec(range ?? '')?.[0]);
    expect(major(manifest.dependencies.undici)).to.equal(7);
    expect(major(manifest.devDependencies.typescript)).to.equal(6);
    expect(major(manifest.devDependencies['dependency-cruiser'])).to.equal(17);
    expect(major(manifest.devDependencies['@types/node'])).to.equal(20);
    expect(major(manifest.devDependencies.eventsource)).to.equal(4);
  });

  it('has the whole text of its licence', () => {
    expect(projectFile('LICENSE')).to.include('Apache License').and.to.include('END OF TERMS AND CONDITIONS');
  });
});
