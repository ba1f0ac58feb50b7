import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import type { TlsFiles } from '../../src/adapters/peer-auth/tls-material.ts';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY_MS = 86_400_000;

x509.cryptoProvider.set(webcrypto);

/** What a certificate says of its holder, for tests that want a wrong one. */
export interface Holder {
  readonly uris?: readonly string[];
  readonly dns?: readonly string[];
  readonly commonName?: string;
  readonly fromMs?: number;
  readonly untilMs?: number;
}

/** An authority of a test's own. */
export class TestAuthority {
  readonly pem: string;
  readonly #certificate: x509.X509Certificate;
  readonly #keys: webcrypto.CryptoKeyPair;

  private constructor(certificate: x509.X509Certificate, keys: webcrypto.CryptoKeyPair) {
    this.#certificate = certificate;
    this.#keys = keys;
    this.pem = certificate.toString('pem');
  }

  static async create(name = 'authority of the tests'): Promise<TestAuthority> {
    const keys = await keyPair();
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      name: `CN=${name}`,
      notBefore: new Date(Date.now() - DAY_MS),
      notAfter: new Date(Date.now() + 3650 * DAY_MS),
      signingAlgorithm: ALGORITHM,
      keys,
      extensions: [
        new x509.BasicConstraintsExtension(true, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      ],
    });
    return new TestAuthority(certificate, keys);
  }

  /** A data centre's files. */
  issue(dataCenter: string, validity: Pick<Holder, 'fromMs' | 'untilMs'> = {}): Promise<TlsFiles> {
    return this.issueTo({ uris: [`crossdc://${dataCenter}`], commonName: dataCenter, ...validity });
  }

  async issueTo({ uris = [], dns = [], commonName = 'somebody', fromMs, untilMs }: Holder): Promise<TlsFiles> {
    const keys = await keyPair();
    const names = [
      ...uris.map((value) => ({ type: 'url', value }) as const),
      ...dns.map((value) => ({ type: 'dns', value }) as const),
    ];
    const certificate = await x509.X509CertificateGenerator.create({
      subject: `CN=${commonName}`,
      issuer: this.#certificate.subject,
      notBefore: new Date(fromMs ?? Date.now() - DAY_MS),
      notAfter: new Date(untilMs ?? Date.now() + 365 * DAY_MS),
      publicKey: keys.publicKey,
      signingKey: this.#keys.privateKey,
      signingAlgorithm: ALGORITHM,
      extensions: names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names)],
    });
    const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
    const key = `-----BEGIN PRIVATE KEY-----\n${der.toString('base64')}\n-----END PRIVATE KEY-----\n`;
    return { cert: certificate.toString('pem'), key, ca: this.pem };
  }
}

async function keyPair(): Promise<webcrypto.CryptoKeyPair> {
  return await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
}
