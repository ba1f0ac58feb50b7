// First: `@peculiar/x509` does not load without it.
import 'reflect-metadata';
import { createPublicKey, randomBytes, webcrypto, type KeyObject, type X509Certificate } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { SIGNING_CURVES } from './authority.ts';

const SERIAL_BYTES = 16;
const KEY_IDENTIFIER_BYTES = 20;

interface Validity {
  /** Milliseconds since 1970; a certificate has whole seconds. */
  readonly fromMs: number;
  readonly untilMs: number;
}

/** The certificate of an authority that signs itself, in PEM. @param key a private key on one of the {@link SIGNING_CURVES} */
export async function authorityCertificate(
  of: { readonly commonName: string; readonly key: KeyObject } & Validity,
): Promise<string> {
  const publicKey = publicKeyOf(createPublicKey(of.key));
  const name = nameOf(of.commonName);
  return await signed(of.key, {
    issuer: name,
    subject: name,
    publicKey,
    validity: of,
    extensions: [
      // No authority below it: what it signs are data centres.
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await keyIdentifier(publicKey),
    ],
  });
}

interface DataCenterRequest extends Validity {
  readonly dataCenter: string;
  readonly publicKey: KeyObject;
  readonly authority: { readonly certificate: X509Certificate; readonly key: KeyObject };
}

/**
 * The certificate of a data centre, in PEM, as {@link namesInCertificate} of the core reads it: the URI `crossdc://NAME`,
 * and a DNS name beside it where the name can be one. It serves both ends of a connection.
 */
export async function dataCenterCertificate(request: DataCenterRequest): Promise<string> {
  const { dataCenter, authority, ...validity } = request;
  const publicKey = publicKeyOf(request.publicKey);
  const issuer = new x509.X509Certificate(Uint8Array.from(authority.certificate.raw));
  const issuerKeyId = issuer.getExtension(x509.SubjectKeyIdentifierExtension)?.keyId;
  const names: x509.JsonGeneralNames = [{ type: 'url', value: `crossdc://${dataCenter}` }];
  if (isHostName(dataCenter)) names.push({ type: 'dns', value: dataCenter });
  return await signed(authority.key, {
    // As the authority's certificate has it, also in how its letters are encoded, because issuers are found by comparing.
    issuer: issuer.subjectName,
    subject: nameOf(dataCenter),
    publicKey,
    validity,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
      new x509.SubjectAlternativeNameExtension(names),
      await keyIdentifier(publicKey),
      ...(issuerKeyId === undefined ? [] : [new x509.AuthorityKeyIdentifierExtension(issuerKeyId)]),
    ],
  });
}

/** Labels of letters, digits and inner hyphens (RFC 1123 §2.1), of which the last is no number: that would be an address. */
function isHostName(text: string): boolean {
  const labels = text.split('.');
  return (
    labels.every((label) => /^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/.test(label)) &&
    !/^\d+$/.test(labels.at(-1) ?? '')
  );
}

interface Contents {
  readonly issuer: x509.Name;
  readonly subject: x509.Name;
  readonly publicKey: x509.PublicKey;
  readonly validity: Validity;
  readonly extensions: x509.Extension[];
}

async function signed(key: KeyObject, { validity, ...contents }: Contents): Promise<string> {
  const serial = randomBytes(SERIAL_BYTES);
  // Positive and never zero, with all its bytes.
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
  const certificate = await x509.X509CertificateGenerator.create(
    {
      ...contents,
      serialNumber: serial.toString('hex'),
      notBefore: new Date(validity.fromMs),
      notAfter: new Date(validity.untilMs),
      signingKey: await signingKey(key),
      signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    },
    webcrypto,
  );
  return `${certificate.toString('pem')}\n`;
}

async function signingKey(key: KeyObject): Promise<webcrypto.CryptoKey> {
  const curve = key.asymmetricKeyDetails?.namedCurve ?? '';
  const namedCurve = SIGNING_CURVES.get(curve);
  if (namedCurve === undefined) throw new RangeError(`no key for certificates: its curve is "${curve}"`);
  const der = key.export({ type: 'pkcs8', format: 'der' });
  return await webcrypto.subtle.importKey('pkcs8', der, { name: 'ECDSA', namedCurve }, false, ['sign']);
}

function nameOf(commonName: string): x509.Name {
  return new x509.Name([{ CN: [{ utf8String: commonName }] }]);
}

function publicKeyOf(key: KeyObject): x509.PublicKey {
  return new x509.PublicKey(Uint8Array.from(key.export({ type: 'spki', format: 'der' })));
}

/** The first 160 bits of the SHA-256 of the public key (RFC 7093 §2, method 1). */
async function keyIdentifier(publicKey: x509.PublicKey): Promise<x509.SubjectKeyIdentifierExtension> {
  const digest = Buffer.from(await publicKey.getKeyIdentifier('SHA-256', webcrypto));
  return new x509.SubjectKeyIdentifierExtension(digest.toString('hex', 0, KEY_IDENTIFIER_BYTES));
}
