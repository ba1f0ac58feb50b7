import { constants, X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContext, type TlsOptions } from 'node:tls';
import { namesInCertificate } from '../../core/certificate-names.ts';
import type { CertificateFacts } from '../../ports/certificates.ts';

/** The texts of the three files of TLS, PEM. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** What one gateway shows and believes in mutual TLS 1.3, checked: it can be put in force. */
export class TlsMaterial {
  readonly #files: TlsFiles;
  /** For connections to peers. */
  readonly clientContext: SecureContext;
  readonly certificates: readonly CertificateFacts[];

  /**
   * @param dataCenter our own name, for which the certificate must speak
   * @throws TlsMaterialError that names the file's key and says what is wrong; nothing of the private key is in it
   */
  constructor(files: TlsFiles, dataCenter: string) {
    this.#files = files;
    const own = certificatesIn(files.cert, 'peerTlsCertFile');
    const authorities = certificatesIn(files.ca, 'peerTlsCaFile');
    const [leaf] = own;
    if (leaf === undefined) throw new TlsMaterialError('peerTlsCertFile', 'has no certificate');
    const names = namesInCertificate(leaf);
    if (!names.includes(dataCenter)) {
      const whom = names.length === 0 ? 'no data centre' : names.join(', ');
      throw new TlsMaterialError('peerTlsCertFile', `speaks for ${whom}, and this data centre is "${dataCenter}"`);
    }
    this.clientContext = contextOf(files);
    this.certificates = [
      factsOf(leaf, 'own', dataCenter),
      ...authorities.map((one) => factsOf(one, 'authority', one.subject.replaceAll('\n', ', '))),
    ];
  }

  /** For the listener. Nobody is turned away in the handshake: a refusal that says why helps both sides. */
  serverOptions(): TlsOptions {
    return {
      ...this.#files,
      minVersion: 'TLSv1.3',
      requestCert: true,
      rejectUnauthorized: false,
      // Every connection proves itself anew; nothing that was proven once is resumed.
      secureOptions: constants.SSL_OP_NO_TICKET,
      sessionTimeout: 1,
    };
  }
}

/** The configuration key of the file at fault, and what is wrong with it. */
export class TlsMaterialError extends Error {
  readonly key: string;

  constructor(key: string, message: string) {
    super(message);
    this.name = 'TlsMaterialError';
    this.key = key;
  }
}

function certificatesIn(pem: string, key: string): X509Certificate[] {
  const blocks = pem.match(PEM) ?? [];
  if (blocks.length === 0) throw new TlsMaterialError(key, 'has no certificate in PEM form');
  return blocks.map((block) => {
    try {
      return new X509Certificate(block);
    } catch {
      throw new TlsMaterialError(key, 'has a certificate that cannot be read');
    }
  });
}

function contextOf(files: TlsFiles): SecureContext {
  try {
    return createSecureContext({ ...files, minVersion: 'TLSv1.3' });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    const isOther = code === 'ERR_OSSL_X509_KEY_VALUES_MISMATCH';
    const message = isOther
      ? 'is not the private key of peerTlsCertFile'
      : `has no private key that can be read (${code})`;
    throw new TlsMaterialError('peerTlsKeyFile', message);
  }
}

function factsOf(certificate: X509Certificate, use: 'own' | 'authority', subject: string): CertificateFacts {
  const { fingerprint256, validTo } = certificate;
  return { use, subject, fingerprint: fingerprint256, expiresMs: Date.parse(validTo) };
}
