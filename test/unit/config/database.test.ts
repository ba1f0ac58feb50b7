import { readdirSync, readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { expect } from 'chai';
import fc from 'fast-check';
import { parseKeyColumn, parseTableName } from '../../../src/config/database-names.ts';
import type { DatabaseConfig } from '../../../src/config/database.ts';
import { FILE, LEAST, fileError, loadGood, loadText, problemsOf, type Extra } from './load-text.ts';

const URL_LINE = 'dataSnapshotJdbcUrl=jdbc:postgresql://127.0.0.1/crossdc?user=me';
const PEM = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
const KEY = '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n';

function databaseOf(lines: string, extra: Extra = {}): DatabaseConfig {
  const { database } = loadGood(`${LEAST}${lines}\n`, extra).config;
  if (database === null) throw new Error('there is no database');
  return database;
}

const url = (query: string, host = 'db1'): string => `dataSnapshotJdbcUrl=postgresql://me@${host}/crossdc${query}`;
/** The problems, without the place. */
const wrong = (lines: string, extra: Extra = {}): string[] =>
  problemsOf(`${LEAST}${lines}\n`, extra).map((line) => line.replace(/^.*?: /, ''));
const shownOf = (lines: string, key: string): string | null | undefined =>
  loadGood(`${LEAST}${lines}\n`).explain.find((row) => row.key === key)?.value;

describe('the database of a configuration', () => {
  it('is none without a URL, and then its other keys are warned of', () => {
    const { config, warnings } = loadGood(
      `${LEAST}dataSnapshotJdbcUrl=\ndataSnapshotJdbcUser=me\ndataSnapshotJdbcPassword=hunter2\ndataSnapshotTableName=t\ndataSnapshotPrimaryKeyColumnName=k\n`,
    );
    expect(config.database).to.equal(null);
    expect(warnings.map((line) => line.replace(`${FILE}:`, ''))).to.deep.equal([
      '4: dataSnapshotJdbcUser: has no effect without dataSnapshotJdbcUrl',
      '5: dataSnapshotJdbcPassword: has no effect without dataSnapshotJdbcUrl',
      '6: dataSnapshotTableName: has no effect without dataSnapshotJdbcUrl',
      '7: dataSnapshotPrimaryKeyColumnName: has no effect without dataSnapshotJdbcUrl',
    ]);
  });

  it('is what URL and keys say together', () => {
    const { password, ...database } = databaseOf(
      'dataSnapshotJdbcUrl=jdbc:postgresql://db1,db2:6000/?sslmode=require\ndataSnapshotJdbcUser=me\ndataSnapshotJdbcPassword=hunter2\ndataSnapshotTableName=Mine\ndataSnapshotPrimaryKeyColumnName=Key',
    );
    expect(database).to.deep.equal({
      hosts: [
        { host: 'db1', port: 5432 },
        { host: 'db2', port: 6000 },
      ],
      database: 'me',
      user: 'me',
      sslMode: 'require',
      sslRootCert: null,
      sslCert: null,
      sslKey: null,
      table: { schema: null, name: 'Mine' },
      keyColumn: 'Key',
    });
    expect(password?.reveal()).to.equal('hunter2');
  });

  it('has the table and the key column of the interface by default', () => {
    expect(databaseOf(URL_LINE)).to.deep.include({
      table: { schema: null, name: 'crossdc_snapshot' },
      keyColumn: 'id',
      password: null,
    });
  });

  it('takes the schema of its table from the table, else from the URL', () => {
    const line = `${URL_LINE}&currentSchema=other`;
    expect(databaseOf(line).table.schema).to.equal('other');
    expect(databaseOf(`${line}\ndataSnapshotTableName=mine.t`).table).to.deep.equal({ schema: 'mine', name: 't' });
  });

  it('takes its password from a file', () => {
    const files = { '/run/secrets/db': 'hunter2\n' };
    const { password } = databaseOf(`${URL_LINE}\ndataSnapshotJdbcPasswordFile=/run/secrets/db`, { files });
    expect(password?.reveal()).to.equal('hunter2');
  });

  it('needs a user', () => {
    expect(wrong('dataSnapshotJdbcUrl=postgresql://db1/x')).to.deep.equal([
      'dataSnapshotJdbcUrl: names no user; give dataSnapshotJdbcUser, or the user in the URL',
    ]);
  });

  it('may have user and password in the URL and in the keys, if they say the same', () => {
    const line = 'dataSnapshotJdbcUrl=postgresql://me:hunter2@127.0.0.1/x';
    const same = 'dataSnapshotJdbcUser=me\ndataSnapshotJdbcPassword=hunter2';
    expect(databaseOf(`${line}\n${same}`).user).to.equal('me');
    expect(wrong(`${line}\ndataSnapshotJdbcUser=you\ndataSnapshotJdbcPassword=hunter3`)).to.deep.equal([
      'dataSnapshotJdbcUser: contradicts dataSnapshotJdbcUrl, which says another; keep one of the two',
      'dataSnapshotJdbcPassword: contradicts dataSnapshotJdbcUrl, which says another; keep one of the two',
    ]);
  });

  describe('says how the server is made sure of', () => {
    for (const host of ['127.0.0.1', 'localhost', '[::1]', '', '%2Frun%2Fpostgresql', '127.0.0.1,[::1]:6000']) {
      it(`not at all at ${host === '' ? 'no host' : host}, which is this machine`, () => {
        const { config, warnings } = loadGood(`${LEAST}${url('', host)}\n`);
        expect(config.database?.sslMode).to.equal('disable');
        expect(warnings).to.deep.equal([]);
      });
    }

    it('as far as the server offers it elsewhere, with a warning that names what would make it sure', () => {
      for (const host of ['db1', '10.0.0.1', '127.0.0.1,db1']) {
        const { config, warnings } = loadGood(`${LEAST}${url('', host)}\n`);
        expect(config.database?.sslMode).to.equal('prefer');
        expect(warnings.join()).to.contain('sslmode=verify-full with sslrootcert=FILE makes it sure');
      }
      expect(loadGood(`${LEAST}${url('?sslmode=prefer')}\n`).warnings, 'it was said').to.deep.equal([]);
    });

    it('by files that can be read and are what they should be', () => {
      const files = { '/ca': PEM, '/cert': PEM, '/key': KEY };
      const query = '?sslmode=verify-full&sslrootcert=/ca&sslcert=/cert&sslkey=/key';
      expect(databaseOf(url(query), { files })).to.include({ sslRootCert: '/ca', sslCert: '/cert', sslKey: '/key' });
      expect(databaseOf(url('?sslrootcert=system')).sslRootCert).to.equal('system');
      const bad = { '/cert': fileError('EACCES'), '/key': new Error('it is not UTF-8 text') };
      expect(wrong(url(query), { files: bad })).to.deep.equal([
        'dataSnapshotJdbcUrl: the sslrootcert "/ca" cannot be used: there is no such file',
        'dataSnapshotJdbcUrl: the sslcert "/cert" cannot be used: this user may not read it',
        'dataSnapshotJdbcUrl: the sslkey "/key" cannot be used: it is no PEM file with a PRIVATE KEY; a key for Java becomes one by openssl pkcs8 -inform DER -nocrypt -in FILE -out FILE.pem',
      ]);
      expect(wrong(url(query), { files: { ...files, '/ca': KEY } })[0]).to.contain('no PEM file with a CERTIFICATE');
    });
  });

  it('wins over the folder of held snapshots, with a notice, and whatever that folder is', () => {
    const { config, notices } = loadGood(`${LEAST}${URL_LINE}\ndataSnapshotStorageDirectory=./state\n`);
    expect(config.database).not.to.equal(null);
    expect(notices).to.deep.equal([
      `${FILE}:4: dataSnapshotStorageDirectory: has no effect: dataSnapshotJdbcUrl is given, so what is held goes into PostgreSQL`,
    ]);
    expect(shownOf(URL_LINE, 'dataSnapshotStorageDirectory'), 'there is no held folder').to.equal(null);
  });

  it('says once which parameters have no effect', () => {
    expect(loadGood(`${LEAST}${URL_LINE}&loginTimeout=3&ApplicationName=x\n`).notices).to.deep.equal([
      `${FILE}:3: dataSnapshotJdbcUrl: has the parameters loginTimeout, ApplicationName, without effect here`,
    ]);
  });

  it('is a problem once when its URL is wrong', () => {
    expect(wrong('dataSnapshotJdbcUrl=jdbc:db2://h/x\ndataSnapshotJdbcUser=me')).to.have.length(1);
    expect(wrong(`${URL_LINE}\ndataSnapshotTableName=a.b.c`)).to.have.length(1);
    expect(wrong('dataSnapshotJdbcUrl=postgresql://h/x\ndataSnapshotJdbcUser=' + 'u'.repeat(64))).to.have.length(1);
  });

  it('shows its password in nothing that is loaded, explained, warned or printed', () => {
    const lines = 'dataSnapshotJdbcUrl=postgresql://me:Zq9Zq@db1/x?sslmod=1&password=Zq9Zq\n';
    expect(shownOf('dataSnapshotJdbcUrl=postgresql://me:Zq9Zq@db1/x', 'dataSnapshotJdbcUrl')).to.equal(
      'postgresql://me:***@db1/x',
    );
    const secret = fc.tuple(fc.string(), fc.string()).map(([a, b]) => `${a}Zq9Zq${b}`);
    fc.assert(
      fc.property(secret, fc.boolean(), (password, isInUrl) => {
        const text = isInUrl
          ? `${LEAST}dataSnapshotJdbcUrl=postgresql://me:${password}@db1/x?sslmode=require\n`
          : `${LEAST}${URL_LINE}\n`;
        const set = isInUrl ? [] : [`dataSnapshotJdbcPassword=${password}`];
        const loaded = loadText(text, { set });
        expect(inspect(loaded, { depth: 20, showHidden: true }) + JSON.stringify(loaded)).not.to.contain('Zq9Zq');
      }),
      { numRuns: 500 },
    );
    expect(problemsOf(LEAST + lines).join()).not.to.contain('Zq9Zq');
  });
});

describe('the names in a database', () => {
  it('are a table, or a schema and a table, of 50 bytes at most each', () => {
    expect(parseTableName('t')).to.deep.equal({ schema: null, name: 't' });
    expect(parseTableName('Some Schema.t$é')).to.deep.equal({ schema: 'Some Schema', name: 't$é' });
    expect(parseTableName('x'.repeat(50))).not.to.be.instanceOf(Error);
    for (const text of ['', '.', 'a.', '.b', 'a.b.c', '"a"', 'x'.repeat(51), 'é'.repeat(26), 'a\tb', ' a', '\ud800']) {
      expect(parseTableName(text), text).to.be.instanceOf(Error);
    }
  });

  it('are a column of 63 bytes at most that the table does not have for something else', () => {
    for (const text of ['id', 'Key', 'x'.repeat(63), 'a.b']) expect(parseKeyColumn(text)).to.equal(text);
    for (const text of ['', 'x'.repeat(64), 'a"b', 'version', 'SHA256', 'ctid']) {
      expect(parseKeyColumn(text), text).to.be.instanceOf(Error);
    }
  });

  it('leave every column of the tables in sql/ to the store', () => {
    const folder = new URL('../../../sql/', import.meta.url);
    const sql = readdirSync(folder).map((name) => readFileSync(new URL(name, folder), 'utf8'));
    const [, table = ''] = /CREATE TABLE :"schema"\.:"snapshot" \((.*?)\n\);/s.exec(sql.join('\n')) ?? [];
    const added = [...sql.join('\n').matchAll(/^ {2}ADD COLUMN ([a-z0-9_]+) /gm)];
    const columns = [...table.matchAll(/^ {2}([a-z0-9_]+) /gm), ...added].map(([, column]) => column ?? '');
    expect(columns).to.include.members(['data_center', 'version', 'damaged_at', 'encryption_key', 'stored_bytes']);
    for (const column of columns) expect(parseKeyColumn(column), column).to.be.instanceOf(Error);
  });
});
