import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { checkDatabase } from '../../../../src/adapters/postgresql/check.ts';
import type { DatabaseConnection } from '../../../../src/adapters/postgresql/target.ts';
import { GatewayError } from '../../../../src/errors.ts';
import { PostgresServer } from '../../../support/postgres-server.ts';
import { connectionOf, openStore, storeOptions } from '../../../support/postgres-store.ts';
import type { TestDatabase } from '../../../support/test-database.ts';

describe('The PostgreSQL store honours sslmode', function () {
  this.timeout(60_000);
  let folder: string;
  const servers: PostgresServer[] = [];
  /** For "localhost", for another name, and without TLS. */
  let named: TestDatabase;
  let misnamed: TestDatabase;
  let plain: TestDatabase;

  const openssl = (...args: string[]): void => {
    execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  };
  const makeAuthority = (name: string): void =>
    openssl(
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-days',
      '2',
      '-subj',
      `/CN=${name}`,
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.crt`,
    );
  const makeCertificate = (name: string, subject: string, alternative: string): void => {
    openssl(
      'req',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-subj',
      `/CN=${subject}`,
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.csr`,
    );
    writeFileSync(join(folder, `${name}.ext`), `subjectAltName=${alternative}\n`);
    openssl(
      'x509',
      '-req',
      '-in',
      `${name}.csr`,
      '-CA',
      'ca.crt',
      '-CAkey',
      'ca.key',
      '-CAcreateserial',
      '-days',
      '2',
      '-extfile',
      `${name}.ext`,
      '-out',
      `${name}.crt`,
    );
  };
  const read = (name: string): string => readFileSync(join(folder, name), 'utf8');
  const startWithTls = async (certificate: string, hba: readonly string[]): Promise<TestDatabase> => {
    const server = await PostgresServer.start({
      config: { ssl: 'on', ssl_cert_file: 'server.crt', ssl_key_file: 'server.key', ssl_ca_file: 'ca.crt' },
      files: {
        'server.crt': read(`${certificate}.crt`),
        'server.key': read(`${certificate}.key`),
        'ca.crt': read('ca.crt'),
      },
      hba,
    });
    servers.push(server);
    return server.createDatabase();
  };

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'crossdc-tls-'));
    makeAuthority('ca');
    makeAuthority('stranger');
    makeCertificate('good', 'database', 'DNS:localhost,IP:127.0.0.1');
    makeCertificate('bad', 'database', 'DNS:elsewhere.example');
    makeCertificate('crossdc', 'crossdc', 'DNS:crossdc');
    named = await startWithTls('good', [
      'hostssl all crossdc 127.0.0.1/32 scram-sha-256',
      'host all crossdc 127.0.0.1/32 reject',
    ]);
    misnamed = await startWithTls('bad', [
      'hostssl all crossdc 127.0.0.1/32 cert',
      'host all crossdc 127.0.0.1/32 scram-sha-256',
    ]);
    const server = await PostgresServer.start();
    servers.push(server);
    plain = await server.createDatabase();
  });
  after(async () => {
    for (const server of servers) await server.dispose();
    rmSync(folder, { recursive: true, force: true });
  });

  const check = (database: TestDatabase, change: Partial<DatabaseConnection>): Promise<string> =>
    checkDatabase(storeOptions(database.url, { connection: { ...connectionOf(database.url), ...change } })).then(
      () => 'good',
      (error: unknown) => (error instanceof GatewayError ? error.message : String(error)),
    );
  const path = (name: string): string => join(folder, name);
  const asClient = (): Partial<DatabaseConnection> => ({
    password: null,
    sslCert: path('crossdc.crt'),
    sslKey: path('crossdc.key'),
  });

  it('disable: no TLS, also where the server wants it', async () => {
    expect(await check(plain, { sslMode: 'disable' })).to.equal('good');
    expect(await check(named, { sslMode: 'disable' }))
      .to.contain('rejects connection')
      .and.contain('no encryption');
  });

  for (const sslMode of ['allow', 'prefer'] as const) {
    it(`${sslMode}: TLS where the server has it, unverified, and plain where it has none`, async () => {
      expect(await check(plain, { sslMode })).to.equal('good');
      expect(await check(named, { sslMode })).to.equal('good');
      expect(await check(misnamed, { sslMode, ...asClient() })).to.equal('good');
    });
  }

  it('require: TLS whoever the server is, unless a root certificate says more', async () => {
    expect(await check(named, { sslMode: 'require' })).to.equal('good');
    expect(await check(plain, { sslMode: 'require' })).to.contain('does not support SSL');
    expect(await check(named, { sslMode: 'require', sslRootCert: path('ca.crt') })).to.equal('good');
    expect(await check(named, { sslMode: 'require', sslRootCert: path('stranger.crt') })).to.contain('certificate');
  });

  it('verify-ca: signed by that authority, whatever the name', async () => {
    expect(await check(misnamed, { sslMode: 'verify-ca', sslRootCert: path('ca.crt'), ...asClient() })).to.equal(
      'good',
    );
    expect(
      await check(misnamed, { sslMode: 'verify-ca', sslRootCert: path('stranger.crt'), ...asClient() }),
    ).to.contain('certificate');
    expect(await check(named, { sslMode: 'verify-ca' })).to.contain('certificate');
    expect(await check(plain, { sslMode: 'verify-ca', sslRootCert: path('ca.crt') })).to.contain(
      'does not support SSL',
    );
  });

  it('verify-full: and for this name, or this address', async () => {
    const full = { sslMode: 'verify-full', sslRootCert: path('ca.crt') } as const;
    const { port } = connectionOf(named.url).hosts[0]!;
    expect(await check(named, full)).to.equal('good');
    expect(await check(named, { ...full, hosts: [{ host: 'localhost', port }] })).to.equal('good');
    expect(await check(misnamed, { ...full, ...asClient() })).to.contain('altnames');
  });

  it('and says which file cannot be read', async () => {
    const said = await check(named, { sslMode: 'verify-full', sslRootCert: path('missing.crt') });
    expect(said).to.contain('sslrootcert').and.contain('missing.crt').and.contain('ENOENT');
    expect(await check(misnamed, { sslMode: 'require' })).to.contain('certificate');
  });

  it('and a store works over it, content and all', async () => {
    const connection = { ...connectionOf(named.url), sslMode: 'verify-full', sslRootCert: path('ca.crt') } as const;
    const store = await openStore(named.url, { connection });
    const [row] = await named.query(
      `SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'crossdc-gateway test'`,
    );
    expect(row).to.deep.equal({ ssl: true });
    await store.close();
  });

  it('except on a Unix socket, which has none', async () => {
    const socket = connectionOf(servers[2]!.adminUrl(plain.name));
    expect(socket.hosts[0]?.host).to.match(/^\//);
    expect(await check(plain, { ...socket, sslMode: 'verify-full' })).to.equal('good');
  });
});
