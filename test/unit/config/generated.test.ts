import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { configurationDocument } from '../../../src/config/document.ts';
import { configHelp } from '../../../src/config/help.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { OPTION_KEYS, optionOf } from '../../../src/config/options.ts';
import { SAMPLES, sampleFile } from '../../../src/config/sample.ts';
import { configOf, disk, loadGood, loadText } from './load-text.ts';

const committed = (path: string): string => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');
const AGAIN = 'run npm run generate:config';
/** Lines that are of use only together. */
const TLS = ['peerTlsCertFile', 'peerTlsKeyFile', 'peerTlsCaFile'];
const METRICS = ['metricsHost', 'metricsPort'];
const TOGETHER: readonly { readonly keys: readonly string[]; readonly with: readonly string[] }[] = [
  { keys: METRICS, with: METRICS },
  { keys: TLS, with: TLS },
  { keys: ['localApiReadToken'], with: ['localApiToken'] },
];
/** Lines that stand in the place of others. */
const INSTEAD: readonly { readonly keys: readonly string[]; readonly of: readonly string[] }[] = [
  { keys: ['localApiSocket'], of: ['localApiHost', 'localApiPort'] },
  { keys: ['peerSharedKey'], of: ['peerSharedKeyFile'] },
];
/** The key that the sample files name. */
const FILES = { './peer.keys': '0123456789abcdef'.repeat(4) };

describe('what is made from the table of options', () => {
  for (const name of ['dc1', 'dc2'] as const) {
    const text = sampleFile(SAMPLES[name]);

    it(`is etc/${name}.conf as it is committed`, () => {
      expect(committed(`etc/${name}.conf`), AGAIN).to.equal(text);
    });

    it(`is an etc/${name}.conf that loads without a problem or a warning, also from the disk`, () => {
      const configFile = new URL(`../../../etc/${name}.conf`, import.meta.url).pathname;
      const loaded = loadConfig({
        configFile,
        readFile: disk({ [configFile]: readFileSync(configFile, 'utf8'), ...FILES }),
      });
      expect(loaded).to.deep.include({ ok: true, warnings: [], notices: [] });
    });

    it(`is an etc/${name}.conf with every key once`, () => {
      const keys = [...text.matchAll(/^#?([A-Za-z]+)=/gm)].map(([, key]) => key);
      expect(keys).to.have.members([
        ...OPTION_KEYS,
        'localApiTokenFile',
        'localApiReadTokenFile',
        'dataSnapshotJdbcPasswordFile',
        'peerSharedKeyFile',
      ]);
    });

    it(`is an etc/${name}.conf of which each line can be put in force by taking its # away`, () => {
      for (const [line, key] of text.matchAll(/^#([A-Za-z]+)=.*$/gm)) {
        if (!OPTION_KEYS.some((known) => known === key)) continue;
        const others = TOGETHER.find(({ keys }) => keys.includes(key ?? ''))?.with ?? [];
        const changed = text.replaceAll(/^#.*$/gm, (row) =>
          row === line || others.some((other) => row.startsWith(`#${other}=`)) ? row.slice(1) : row,
        );
        const instead = INSTEAD.find(({ keys }) => keys.includes(key ?? ''))?.of ?? [];
        const loaded = loadText(
          changed.replaceAll(/^[A-Za-z]+(?==)/gm, (row) => (instead.includes(row) ? `#${row}` : row)),
          // The one file that is taken apart with the configuration.
          {
            files: {
              ...FILES,
              '/etc/crossdc/snapshots.keys': '0badcafe:MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY\n',
            },
          },
        );
        expect(loaded.ok ? [] : loaded.problems, line).to.deep.equal([]);
      }
    });

    it(`is an etc/${name}.conf whose commented defaults are the defaults`, () => {
      const bare = loadGood(text.replaceAll(/^#.*$/gm, ''), { files: FILES }).explain;
      for (const key of OPTION_KEYS) {
        const value = optionOf(key).default;
        const shown = new RegExp(`^#${key}=(.*)$`, 'm').exec(text)?.[1];
        if (value !== null && shown !== undefined)
          expect(shown, key).to.equal(bare.find((row) => row.key === key)?.value);
      }
    });
  }

  it('is a pair of files whose gateways find each other and are not in each other’s way', () => {
    const [one, two] = (['dc1', 'dc2'] as const).map((name) => configOf(sampleFile(SAMPLES[name]), { files: FILES }));
    expect(one?.peers[0]?.machines).to.deep.equal([`127.0.0.1:${two?.peerPort}`]);
    expect(two?.peers[0]?.machines).to.deep.equal([`127.0.0.1:${one?.peerPort}`]);
    // Nobody is led to a pair that does not know whom it speaks with.
    expect([one, two].map((config) => config?.peerAuth)).to.deep.equal(['key', 'key']);
    const taken = [one, two].flatMap((config) => [
      config?.peerPort,
      config?.localApiPort,
      config?.stateDirectory,
      config?.heldDirectory,
      config?.dataCenter,
    ]);
    expect(new Set(taken).size).to.equal(taken.length);
    expect([one?.localApiPort, one?.peerPort]).to.deep.equal([25090, 25091]);
  });

  it('is docs/configuration.md as it is committed, with every key', () => {
    const text = configurationDocument();
    expect(committed('docs/configuration.md'), AGAIN).to.equal(text);
    expect([...text.matchAll(/^### (.*)$/gm)].map(([, key]) => key)).to.have.members(OPTION_KEYS);
  });

  it('is a help with every key', () => {
    const keys = [...configHelp().matchAll(/^ {2}([A-Za-z]+) \(/gm)].map(([, key]) => key);
    expect(keys).to.have.members(OPTION_KEYS);
    expect(
      configHelp()
        .split('\n')
        .filter((line) => line.length > 100),
    ).to.deep.equal([]);
  });

  it('takes a configuration file of the toolkit as it stands', () => {
    const loaded = loadConfig({ configFile: new URL('../../fixtures/toolkit.conf', import.meta.url).pathname });
    expect(loaded.ok ? [] : loaded.problems).to.deep.equal([]);
    expect(loaded.ok && loaded.config).to.deep.include({
      initDelayMs: 40_000,
      snapshotIntervalMs: Infinity,
      retainHeldAtStartup: false,
      heldDirectory: '/tmp/crossdc-toolkit/dc2',
      peers: [{ name: null, machines: ['127.0.0.1:25191', 'localhost:25291'] }],
    });
  });

  it('takes one that had its snapshots in PostgreSQL', () => {
    const toolkit = committed('test/fixtures/toolkit.conf')
      .replace(
        '#dataSnapshotJdbcUrl=jdbc:db2://db.example.org:50000/boadb',
        'dataSnapshotJdbcUrl=jdbc:postgresql://db.example.org:5432/boadb',
      )
      .replace('#dataSnapshotJdbcUser=', 'dataSnapshotJdbcUser=')
      .replace('dataSnapshotJdbcPassword=', 'dataSnapshotJdbcPassword=dragonfire')
      .replace('com.ibm.db2.jcc.DB2Driver', 'org.postgresql.Driver');
    const { config, notices } = loadGood(toolkit);
    expect(config.database).to.deep.include({ user: 'dragon', database: 'boadb', sslMode: 'prefer' });
    expect(notices.join()).to.contain('dataSnapshotStorageDirectory: has no effect');
  });
});
