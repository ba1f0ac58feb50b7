import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { PROJECT, projectFile } from '../../support/project.ts';
import { sampledPeer, telemetryOver } from '../../support/telemetry-sample.ts';
import { describeWithTool, runTool, type ToolResult } from '../../support/tools.ts';

const HOOKS = 'opt/hooks';
const VARIABLES = {
  CROSSDC_PEER: 'dc2',
  CROSSDC_STATE: 'down',
  CROSSDC_EPOCH: '0',
  CROSSDC_DATA_CENTER: 'dc1',
  CROSSDC_APPLICATION: 'default',
};

describeWithTool('promtool', 'the Prometheus samples', (promtool) => {
  it('are taken by promtool, and a broken rule would not be', () => {
    expect(runTool(promtool, ['check', 'rules', join(PROJECT, 'opt/prometheus/alerts.yml')]).status).to.equal(0);
    expect(runTool(promtool, ['check', 'config', join(PROJECT, 'opt/prometheus/scrape.yml')]).status).to.equal(0);
    const folder = mkdtempSync(join(tmpdir(), 'crossdc-test-'));
    try {
      const broken = join(folder, 'broken.yml');
      writeFileSync(broken, 'groups: [{ name: a, rules: [{ alert: A, expr: "(" }] }]');
      expect(runTool(promtool, ['check', 'rules', broken]).status).not.to.equal(0);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('the alert rules', () => {
  it('name metrics and values of labels that the gateway shows', async () => {
    const shown = await telemetryOver({ peers: [sampledPeer()], open: 0 }).metricsText();
    const text = projectFile('opt/prometheus/alerts.yml');
    const names = [...text.matchAll(/crossdc_[a-z_]+/g)].map(([name]) => name);
    expect(names.length).to.be.greaterThan(10);
    for (const name of names) expect(shown, name).to.include(`# TYPE ${name} `);
    for (const [, name = '', label = '', value = ''] of text.matchAll(/(crossdc_\w+)\{(\w+)="([^"]*)"\}/g)) {
      expect(shown, name).to.match(new RegExp(`^${name}\\{(.*,)?${label}="${value}"`, 'm'));
    }
  });
});

describe('the failover hooks', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'crossdc-hooks-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const run = (name: string, env: Record<string, string>, ...args: string[]): ToolResult =>
    runTool('/bin/sh', [join(PROJECT, HOOKS, name), ...args], {
      env: {
        PATH: process.env.PATH ?? '',
        ...VARIABLES,
        CROSSDC_REASON: 'silence',
        HOOK_LOG: join(folder, 'log'),
        ...env,
      },
    });

  it('can be executed, and say how they are configured', () => {
    for (const name of readdirSync(join(PROJECT, HOOKS))) {
      expect(statSync(join(PROJECT, HOOKS, name)).mode & 0o111, name).to.equal(0o111);
      expect(projectFile(`${HOOKS}/${name}`)).to.match(/^#!\/bin\/sh\n# failoverCommand=/);
    }
  });

  it('note a death and deliver what is held', () => {
    expect(run('log-and-deliver.sh', { CROSSDC: 'echo crossdc' })).to.deep.include({
      status: 0,
      output: 'crossdc deliver dc2\n',
    });
    expect(readFileSync(join(folder, 'log'), 'utf8')).to.match(/^\S+Z peer dc2 is down \(silence\), told at dc1\n$/);
  });

  it('deliver nothing of a peer whose application is only critical', () => {
    const env = { CROSSDC: 'echo crossdc', CROSSDC_REASON: 'application-critical' };
    expect(run('log-and-deliver.sh', env)).to.deep.include({ status: 0, output: '' });
  });

  it('fail when what they call fails, so that the gateway runs them again', () => {
    expect(run('log-and-deliver.sh', { CROSSDC: 'false' }).status).to.equal(1);
    expect(run('start-application.sh', { SYSTEMCTL: 'false' }, 'app.service').status).to.equal(1);
    expect(run('start-application.sh', {}).status).not.to.equal(0);
  });

  it('start a unit and see that it runs', () => {
    const { status, output } = run('start-application.sh', { SYSTEMCTL: 'echo systemctl' }, 'app.service');
    expect(status).to.equal(0);
    expect(output.split('\n').slice(0, 2)).to.deep.equal([
      'systemctl start app.service',
      'systemctl is-active --quiet app.service',
    ]);
  });
});

describeWithTool('haproxy', 'the HAProxy sample', (haproxy) => {
  it('is taken by haproxy', () => {
    const { status, output } = runTool(haproxy, ['-c', '-f', join(PROJECT, 'opt/haproxy/crossdc.cfg')]);
    expect(status, output).to.equal(0);
  });
});
