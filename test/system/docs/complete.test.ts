import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { DEFAULT_LIMITS } from '../../../src/adapters/local-api/limits.ts';
import { REASONS } from '../../../src/adapters/postgresql/database-error.ts';
import { DEFAULT_LISTENER_LIMITS } from '../../../src/adapters/peer-http/listener-limits.ts';
import { EXIT } from '../../../src/cli/exit-status.ts';
import { OPTION_KEYS } from '../../../src/config/options.ts';
import { EVENT_TYPES } from '../../../src/core/events.ts';
import { DATA_CENTERS_MOST, LARGEST_EPOCH, ROWS_MOST } from '../../../src/core/ownership.ts';
import { ERRORS } from '../../../src/errors.ts';
import { inventorySchema, peerAnswerSchema, peerMessageSchema } from '../../../src/wire/messages.ts';
import { APPLICATION_NAME_MAX, LABELS_MAX, ORIGIN_MAX_BYTES, TEXT_MAX_BYTES } from '../../../src/wire/names.ts';
import { HEADER } from '../../../src/wire/snapshot-headers.ts';
import { WIRE_VERSIONS } from '../../../src/wire/versions.ts';
import { KIB, MIB, SECOND_MS } from '../../../src/units.ts';
import { crossdc } from '../../support/program.ts';
import { PROJECT, projectFile } from '../../support/project.ts';
import { sampledPeer, telemetryOver } from '../../support/telemetry-sample.ts';

/** The section of a document below a heading, down to the next of its level. */
function section(path: string, heading: string): string {
  const [, level = ''] = /^(#+)/.exec(heading) ?? [];
  const text = projectFile(path);
  const start = text.indexOf(`\n${heading}\n`);
  expect(start, `${path} has no ${heading}`).to.be.greaterThan(-1);
  const body = text.slice(start + heading.length + 2);
  const end = body.search(new RegExp(`^#{1,${level.length}} `, 'm'));
  return end < 0 ? body : body.slice(0, end);
}

/** The rows of its tables, a cell's text without the code marks of a whole cell; headings and rules are left out. */
function rows(text: string): string[][] {
  const isRule = (line: string | undefined): boolean => /^\|(-+\|)+$/.test(line ?? '');
  const lines = text.split('\n');
  return lines
    .filter((line, index) => line.startsWith('|') && !isRule(line) && !isRule(lines[index + 1]))
    .map((line) =>
      line
        .slice(1, -1)
        .split(/(?<!\\)\|/)
        .map((cell) => cell.trim().replace(/^`([^`]*)`$/, '$1')),
    );
}

const firstCells = (text: string): string[] => rows(text).map(([first = '']) => first);

describe('the documents are complete', () => {
  it('operations.md has every event, and no other', () => {
    expect(firstCells(section('docs/operations.md', '## Events'))).to.have.members(Object.keys(EVENT_TYPES));
  });

  it('postgresql.md has every reason for which the database cannot be used', () => {
    const told = firstCells(section('docs/postgresql.md', '## When the database fails'));
    expect(told).to.include.members(Object.values(REASONS));
  });

  it('operations.md has every error code with its status and whether a retry helps, and no other', () => {
    const documented = rows(section('docs/operations.md', '## Error codes')).map((cells) => cells.slice(0, 3));
    const known = Object.entries(ERRORS).map(([code, { status, retry }]) => [
      code,
      String(status),
      retry ? 'yes' : 'no',
    ]);
    expect(documented).to.have.deep.members(known);
  });

  it('operations.md has every exit status, and no other', () => {
    const documented = firstCells(section('docs/operations.md', '### Exit status'));
    expect(documented).to.have.members(Object.values(EXIT).map(String));
  });

  it('operations.md has every command of the program, and no other', async () => {
    const known = await commandNames();
    expect(known).to.include.members(['run', 'snapshots put']);
    expect(firstCells(section('docs/operations.md', '## Commands').split('###')[0] ?? '')).to.have.members(
      known.map((name) => `crossdc ${name}`),
    );
  });

  it('operations.md has every reason for which no takeover follows, and no other', () => {
    const source = projectFile('src/core/takeover.ts');
    const type = /export type TakeoverBlock =([^;]*);/.exec(source)?.[1] ?? '';
    const known = [...type.matchAll(/\| '([a-z-]+)'/g)].map(([, reason]) => reason);
    expect(known).to.include('refused');
    expect(firstCells(section('docs/operations.md', '### Nothing happens'))).to.have.members(known);
  });

  it('application-guide.md has every method and path of the OpenAPI description', () => {
    const { paths } = JSON.parse(projectFile('docs/openapi.json')) as { paths: Record<string, object> };
    const text = projectFile('docs/application-guide.md');
    const known = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods)
        .filter((method) => method !== 'parameters')
        .map((method) => `${method.toUpperCase()} ${path}`),
    );
    const missing = known.filter((call) => !text.includes(`\`${call}\``));
    expect(missing).to.deep.equal([]);
  });

  it('metrics.md has every metric with its type and its help, and no other', async () => {
    const text = await telemetryOver({ peers: [sampledPeer()], open: 0 }).metricsText();
    const types = new Map([...text.matchAll(/^# TYPE (crossdc_\S+) (\S+)$/gm)].map(([, name, type]) => [name, type]));
    const known = [...text.matchAll(/^# HELP (crossdc_\S+) (.*)$/gm)].map(([, name, help]) => [
      name,
      types.get(name),
      help,
    ]);
    const documented = rows(projectFile('docs/metrics.md')).map(([name, type, , help]) => [name, type, help]);
    expect(documented).to.have.deep.members(known);
  });

  it('metrics.md has the labels of every metric', async () => {
    const text = await telemetryOver({ peers: [sampledPeer()], open: 0 }).metricsText();
    for (const [name = '', , labels = ''] of rows(projectFile('docs/metrics.md'))) {
      const [series] = new RegExp(`^${name}\\{(.*)\\} `, 'm').exec(text)?.slice(1) ?? [''];
      const shown = [...(series ?? '').matchAll(/(\w+)="/g)].map(([, label]) => label);
      expect(labels === '' ? [] : labels.replaceAll('`', '').split(', '), name).to.include.members(shown);
    }
  });

  it('configuration.md has every key', () => {
    const text = projectFile('docs/configuration.md');
    for (const key of OPTION_KEYS) expect(text).to.include(`\n### ${key}\n`);
  });

  it('protocol.md has every version, field, header and fate', () => {
    const text = projectFile('docs/protocol.md');
    const versions = WIRE_VERSIONS.map(({ protocol, since, change }) => [String(protocol), since, change]);
    expect(rows(section('docs/protocol.md', '## Versions'))).to.deep.equal(versions);
    const fields = [...Object.keys(peerMessageSchema.entries), ...Object.keys(peerAnswerSchema.entries)];
    const rowFields = Object.keys(inventorySchema.pipe[0].item.entries);
    for (const field of [...fields, ...rowFields]) expect(text, field).to.match(new RegExp(`["\`]${field}["\`]`));
    for (const header of Object.values(HEADER))
      expect(text).to.include(`\`${header}${header.endsWith('-') ? 'NAME' : ''}\``);
    const fates = inventorySchema.pipe[0].item.entries.fate.options;
    expect(firstCells(section('docs/protocol.md', '## Inventory'))).to.have.members([...fates]);
  });

  it('limits.md has every bound with its number', () => {
    const bounds: [string, Record<string, number>][] = [
      ['## Bounds of the local API', { ...DEFAULT_LIMITS }],
      ['## Bounds of the peer listener', { ...DEFAULT_LISTENER_LIMITS }],
    ];
    for (const [heading, limits] of bounds) {
      const documented = new Map(rows(section('docs/limits.md', heading)).map(([, value, name = '']) => [name, value]));
      for (const [name, value] of Object.entries(limits)) {
        expect(documented.get(name), name).to.match(new RegExp(`(^|; )${shown(name, value)}$`));
      }
    }
    const names = section('docs/limits.md', '## Names and numbers');
    expect(names).to.include(`| an application's name | ${APPLICATION_NAME_MAX} characters |`);
    expect(names).to.include(`| an origin | ${ORIGIN_MAX_BYTES} bytes of UTF-8 |`);
    expect(names).to.include(`| a position, a label's value | ${TEXT_MAX_BYTES} bytes of UTF-8 |`);
    expect(names).to.include(`| labels of a snapshot | ${LABELS_MAX} |`);
    expect(names).to.include(`| an epoch | 2^${Math.log2(LARGEST_EPOCH)} |`);
    expect(names).to.include(`| peer DCs | ${DATA_CENTERS_MOST - 1}: a message has at most ${ROWS_MOST} rows `);
  });

  it('security.md has a test that is there for every row of its threat model', () => {
    const model = rows(section('docs/security.md', '## The threat model'));
    expect(model.length).to.be.at.least(15);
    const shownBy = model.map(
      ([who = '', , , tests = '']) => [who, [...tests.matchAll(/test\/[\w.\/-]+/g)].map(([path]) => path)] as const,
    );
    for (const [who, tests] of shownBy) expect(tests, who).not.to.deep.equal([]);
    const missing = shownBy
      .flatMap(([, tests]) => tests)
      .filter((path) => !existsSync(join(PROJECT, path)) || !path.endsWith('.test.ts'));
    expect([...new Set(missing)]).to.deep.equal([]);
  });

  it('security.md says how to set it up, how to change it, and what is not protected against', () => {
    const titles = [...projectFile('docs/security.md').matchAll(/^## (.+)$/gm)].map(([, title]) => title);
    const needed = 'Keys in five minutes|TLS in five minutes|Rotation|Encryption at rest|What is not protected against';
    expect(titles).to.include.members(needed.split('|'));
    expect(titles).to.deep.equal([...new Set(titles)]);
  });

  it('glossary.md has each word once, in order', () => {
    const words = firstCells(projectFile('docs/glossary.md')).map((word) => word.toLowerCase());
    expect(words).to.deep.equal([...new Set(words)].sort((a, b) => a.localeCompare(b, 'en')));
    const house =
      'peer, gateway, application, snapshot, origin, version, held, delivery, workload, owner, epoch, watermark, heartbeat, miss, suspect, down, left, takeover, switchover, fail-back, witness, lease, incarnation';
    expect(words).to.include.members(house.split(', '));
  });
});

function shown(name: string, value: number): string {
  if (name.endsWith('Ms')) return `${value / SECOND_MS} s`;
  if (!/bytes$/i.test(name)) return String(value);
  return value % MIB === 0 ? `${value / MIB} MiB` : `${value / KIB} KiB`;
}

/** As the program's own help has them, with the commands of `snapshots` and of `keys` one by one. */
async function commandNames(): Promise<string[]> {
  const { stdout } = await crossdc('--help');
  const names = [...stdout.matchAll(/^ {2}crossdc ([a-z][a-z-]*)/gm)].map(([, name = '']) => name);
  const groups = ['snapshots', 'keys'];
  const inner: string[] = [];
  for (const group of groups) {
    const { stdout: help } = await crossdc(group, '--help');
    inner.push(...[...help.matchAll(/^ {2}([a-z]+(?: [a-z]+)?) {2}/gm)].map(([, name = '']) => `${group} ${name}`));
  }
  return [...names.filter((name) => !groups.includes(name)), ...inner];
}
