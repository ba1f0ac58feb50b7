import { expect } from 'chai';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { TlsMaterial } from '../../../src/adapters/peer-auth/tls-material.ts';
import { namesInCertificate } from '../../../src/core/certificate-names.ts';
import { describeWithTool, runTool } from '../../support/tools.ts';
import { useKeysFolder } from './keys-support.ts';

interface Files {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

/** Whether mutual TLS 1.3 comes about: what the one end thinks of the other, and the other way round. */
async function handshake(server: Files, client: Files): Promise<{ server: string; client: string }> {
  const listener = createServer({ ...server, requestCert: true, rejectUnauthorized: false, minVersion: 'TLSv1.3' });
  const accepted = once(listener, 'secureConnection') as Promise<[TLSSocket]>;
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  const socket = connect({
    ...client,
    port,
    host: '127.0.0.1',
    rejectUnauthorized: false,
    minVersion: 'TLSv1.3',
    checkServerIdentity: () => undefined,
  });
  await once(socket, 'secureConnect');
  const [seen] = await accepted;
  const opinion = (of: TLSSocket): string => (of.authorized ? 'believes' : String(of.authorizationError));
  const opinions = { server: opinion(seen), client: opinion(socket) };
  socket.destroy();
  seen.destroy();
  listener.close();
  await once(listener, 'close');
  return opinions;
}

describe('crossdc keys ca', () => {
  const folder = useKeysFolder();
  const at = (...names: string[]): string => folder.path('tls', ...names);
  const text = (name: string): string => readFileSync(at(name), 'utf8');
  const filesOf = (dataCenter: string, authority = 'ca'): Files => ({
    cert: text(`${dataCenter}.crt`),
    key: text(`${dataCenter}.key`),
    ca: text(`${authority}.crt`),
  });
  const init = (...more: string[]) => folder.keys('ca', 'init', '--directory', at(), ...more);
  const issue = (...more: string[]) => folder.keys('ca', 'issue', ...more, '--directory', at());

  it('makes an authority and a data centre a file each of this user alone, and says what to do with them', async () => {
    const made = await init();
    expect(made).to.include({ status: 0, err: '' });
    expect(made.out).to.contain(`crossdc keys ca issue DC --directory ${at()}\n`);
    const { status, out } = await issue('dc1');
    expect(status).to.equal(0);
    expect(out.split('\n').slice(1)).to.deep.equal([
      `peerTlsCertFile=${at('dc1.crt')}`,
      `peerTlsKeyFile=${at('dc1.key')}`,
      `peerTlsCaFile=${at('ca.crt')}`,
      '',
    ]);
    expect(folder.mode('tls')).to.equal('700');
    expect(folder.mode('tls', 'ca.key')).to.equal('600');
    expect(folder.mode('tls', 'dc1.key')).to.equal('600');
    expect(readdirSync(at()).sort()).to.deep.equal(['ca.crt', 'ca.key', 'dc1.crt', 'dc1.key']);
  });

  it('makes a pair that believes each other in mutual TLS 1.3, and each name is in its certificate', async () => {
    await init();
    await issue('dc1');
    await issue('dc_2');
    expect(await handshake(filesOf('dc1'), filesOf('dc_2'))).to.deep.equal({ server: 'believes', client: 'believes' });
    expect(new X509Certificate(text('dc1.crt')).subjectAltName).to.equal('URI:crossdc://dc1, DNS:dc1');
    // Not every name of a data centre can be one of a host.
    expect(new X509Certificate(text('dc_2.crt')).subjectAltName).to.equal('URI:crossdc://dc_2');
    expect(namesInCertificate(new X509Certificate(text('dc_2.crt')))).to.deep.equal(['dc_2']);
    expect(new TlsMaterial(filesOf('dc1'), 'dc1').certificates).to.have.length(2);
  });

  it('makes an authority that another one does not believe', async () => {
    await init();
    await issue('dc1');
    const ours = filesOf('dc1');
    await folder.keys('ca', 'init', '--directory', folder.path('other'));
    await folder.keys('ca', 'issue', 'dc2', '--directory', folder.path('other'));
    const read = (name: string): string => readFileSync(folder.path('other', name), 'utf8');
    const theirs = { cert: read('dc2.crt'), key: read('dc2.key'), ca: read('ca.crt') };
    const opinions = await handshake(ours, theirs);
    expect(opinions.server).not.to.equal('believes');
    expect(opinions.client).not.to.equal('believes');
    // While one authority takes the place of the other, both are believed.
    const both = `${ours.ca}${theirs.ca}`;
    expect(await handshake({ ...ours, ca: both }, { ...theirs, ca: both })).to.deep.equal({
      server: 'believes',
      client: 'believes',
    });
  });

  it('makes certificates that are valid for a while already, and for as long as was said', async () => {
    await init('--days', '400');
    await issue('dc1', '--days', '30');
    const { validFrom, validTo } = new X509Certificate(text('dc1.crt'));
    expect(Date.parse(validFrom)).to.be.within(Date.now() - 3_700_000, Date.now() - 3_500_000);
    expect(Date.parse(validTo)).to.be.within(Date.now() + 29.9 * 86_400_000, Date.now() + 30 * 86_400_000);
    const warned = await issue('dc2');
    expect(warned.status).to.equal(0);
    expect(warned.err).to.match(
      /^crossdc: warning: the authority expires on \d{4}-\d\d-\d\d, before the certificate would/,
    );
    expect(new X509Certificate(text('dc2.crt')).validTo).to.equal(new X509Certificate(text('ca.crt')).validTo);
  });

  it('writes times in whole seconds, also those from 2050 on, which are written another way', async () => {
    await init('--days', '36500');
    const contents = new X509Certificate(text('ca.crt')).raw.toString('hex');
    // UTCTime has two digits for the year, GeneralizedTime four (RFC 5280 §4.1.2.5).
    expect(contents).to.match(/170d(3\d){12}5a180f(3\d){14}5a/);
  });

  it('never overwrites, and leaves no key without its certificate', async () => {
    await init();
    const before = text('ca.key');
    expect((await init()).err).to.equal(
      `crossdc: ${at('ca.key')} is there already and stays as it is; remove it, or take another name\n`,
    );
    expect(text('ca.key')).to.equal(before);
    writeFileSync(at('dc1.crt'), 'precious');
    const { status, err } = await issue('dc1');
    expect(status).to.equal(1);
    expect(err).to.contain(`${at('dc1.crt')} is there already`);
    expect(text('dc1.crt')).to.equal('precious');
    expect(readdirSync(at()).sort()).to.deep.equal(['ca.crt', 'ca.key', 'dc1.crt']);
  });

  it('renews a certificate for the key that is there, in one step, so that the two always belong together', async () => {
    await init();
    await issue('dc1', '--days', '10');
    const key = text('dc1.key');
    const before = new X509Certificate(text('dc1.crt'));
    const { ino } = statSync(at('dc1.crt'));
    const renewed = await issue('dc1', '--renew');
    expect(renewed.out).to.match(/dc1\.crt: for dc1, valid until \d{4}-\d\d-\d\d instead of \d{4}-\d\d-\d\d\n$/);
    expect(text('dc1.key')).to.equal(key);
    expect(statSync(at('dc1.crt')).ino).not.to.equal(ino);
    const after = new X509Certificate(text('dc1.crt'));
    expect(after.serialNumber).not.to.equal(before.serialNumber);
    expect(Date.parse(after.validTo)).to.be.greaterThan(Date.parse(before.validTo));
    await issue('dc2');
    expect(await handshake(filesOf('dc1'), filesOf('dc2'))).to.deep.equal({ server: 'believes', client: 'believes' });
  });

  it("renews nothing that is not a data centre's own", async () => {
    await init();
    await issue('dc1');
    await issue('dc2');
    const untouched = text('ca.crt');
    expect((await issue('ca', '--renew')).err).to.contain(
      'ca.crt speaks for no data centre, not for ca; it stays as it is',
    );
    expect(text('ca.crt')).to.equal(untouched);
    writeFileSync(at('dc1.key'), text('dc2.key'));
    expect((await issue('dc1', '--renew')).err).to.contain('dc1.key is not the private key of');
    writeFileSync(at('dc1.crt'), text('dc2.crt'));
    expect((await issue('dc1', '--renew')).err).to.contain('dc1.crt speaks for dc2, not for dc1');
    expect((await issue('dc3', '--renew')).err).to.contain('dc3.crt cannot be read: there is no such file or folder');
  });

  it('signs with no authority that cannot sign, and says what would be right', async () => {
    expect((await issue('dc1')).err).to.equal(
      `crossdc: there is no ${at('ca.crt')}; crossdc keys ca init makes it, with its key\n`,
    );
    await init();
    await issue('dc1');
    const [authority, key] = [text('ca.crt'), text('ca.key')];
    const refused = async (): Promise<string> => {
      const { status, err } = await issue('dc9');
      expect(status).to.equal(1);
      expect(readdirSync(at())).not.to.include('dc9.key');
      return err;
    };
    writeFileSync(at('ca.crt'), text('dc1.crt'));
    expect(await refused()).to.contain('ca.crt is not the certificate of an authority');
    writeFileSync(at('ca.crt'), 'nonsense');
    expect(await refused()).to.contain('ca.crt has no certificate in PEM form');
    writeFileSync(at('ca.crt'), authority);
    writeFileSync(at('ca.key'), text('dc1.key'));
    expect(await refused()).to.contain('ca.key is not the private key of');
    const otherCurve = generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey;
    writeFileSync(at('ca.key'), otherCurve.export({ type: 'pkcs8', format: 'pem' }));
    expect(await refused()).to.contain('ca.key is no key on the curve P-256, P-384, P-521; sign with the tools');
    writeFileSync(at('ca.key'), 'nonsense');
    expect(await refused()).to.contain('ca.key has no private key in PEM form');
    writeFileSync(at('ca.key'), key);
    const late = await folder.keysIn(3651, 'ca', 'issue', 'dc9', '--directory', at());
    expect(late.err).to.match(/ca\.crt expired on \d{4}-\d\d-\d\d; crossdc keys ca init in another folder/);
    chmodSync(at('ca.key'), 0o644);
    expect((await issue('dc9')).err).to.contain('ca.key can be read by others than this user');
  });

  describeWithTool('openssl', 'in the eyes of openssl', (openssl) => {
    it('keeps to RFC 5280 for both ends of a connection', async () => {
      await init();
      await issue('dc1');
      for (const purpose of ['sslserver', 'sslclient']) {
        const argv = ['verify', '-x509_strict', '-purpose', purpose, '-CAfile', at('ca.crt'), at('dc1.crt')];
        expect(runTool(openssl, argv)).to.deep.include({ status: 0 });
      }
      const { output } = runTool(openssl, ['x509', '-in', at('ca.crt'), '-noout', '-text']);
      expect(output).to.match(/Basic Constraints: critical\s+CA:TRUE, pathlen:0\s/);
      expect(output).to.match(/Key Usage: critical\s+Certificate Sign, CRL Sign\s/);
    });

    it('says of a data centre that it is no authority, serves both ends, and whose key is whose', async () => {
      await init();
      await issue('dc1');
      const shown = (name: string): string =>
        runTool(openssl, ['x509', '-in', at(name), '-noout', '-text', '-nameopt', 'utf8']).output;
      const own = shown('dc1.crt');
      expect(own).to.match(/Basic Constraints: critical\s+CA:FALSE\s/);
      expect(own).to.match(/Key Usage: critical\s+Digital Signature\s/);
      expect(own).to.match(/Extended Key Usage:\s+TLS Web Server Authentication, TLS Web Client Authentication\s/);
      expect(own).to.match(/Signature Algorithm: ecdsa-with-SHA256\s/);
      const keyId = /Subject Key Identifier:\s+((?:[0-9A-F]{2}:){19}[0-9A-F]{2})\s/;
      expect(keyId.exec(own)).not.to.equal(null);
      expect(/Authority Key Identifier:\s+(?:keyid:)?(\S+)/.exec(own)?.[1]).to.equal(keyId.exec(shown('ca.crt'))?.[1]);
      expect(new X509Certificate(text('dc1.crt')).serialNumber).to.match(/^[4-7][0-9A-F]{31}$/);
    });

    it('signs for an authority that was made with other tools, whatever its name and its curve', async () => {
      await init();
      const subject = '/C=DE/O=Größe, "we" + more/OU=a=b/CN=authority';
      const made = [
        ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-384', '-nodes', '-utf8'],
        ...['-subj', subject, '-addext', 'keyUsage=critical,keyCertSign', '-days', '900'],
        ...['-keyout', at('ca.key'), '-out', at('ca.crt')],
      ];
      expect(runTool(openssl, made)).to.deep.include({ status: 0 });
      expect((await issue('dc1')).status).to.equal(0);
      const verify = ['verify', '-x509_strict', '-purpose', 'sslserver', '-CAfile', at('ca.crt'), at('dc1.crt')];
      expect(runTool(openssl, verify)).to.deep.include({ status: 0 });
    });
  });
});
