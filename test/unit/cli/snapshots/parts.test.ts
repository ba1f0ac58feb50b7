import { expect } from 'chai';
import { createHash } from 'node:crypto';
import { CliError } from '../../../../src/cli/exit-status.ts';
import { assertDigest, parseReprDigest, Tally } from '../../../../src/cli/snapshots/digest.ts';
import { outgoingPath, parseVersion, segment } from '../../../../src/cli/snapshots/paths.ts';
import { progressLine } from '../../../../src/cli/snapshots/progress.ts';
import { reprDigest } from '../../../../src/wire/snapshot-headers.ts';

const SHA256 = createHash('sha256').update('hello').digest('hex');

describe('the digest of a snapshot', () => {
  it('is read as the gateway writes it, also beside others', () => {
    expect(parseReprDigest(reprDigest(SHA256))).to.equal(SHA256);
    expect(parseReprDigest(`sha-512=:AAAA:, ${reprDigest(SHA256)}`)).to.equal(SHA256);
    expect(parseReprDigest('sha-256=:short:')).to.equal(undefined);
    expect(parseReprDigest(undefined)).to.equal(undefined);
  });

  it('is that of all chunks together, and begins anew after a reset', () => {
    const tally = new Tally();
    tally.add(Buffer.from('lost'));
    tally.reset();
    tally.add(Buffer.from('hel'));
    expect(tally.sha256()).not.to.equal(SHA256);
    tally.add(Buffer.from('lo'));
    expect([tally.bytes, tally.sha256()]).to.deep.equal([5, SHA256]);
    expect(() => assertDigest('bytes', tally.sha256(), SHA256)).not.to.throw();
    expect(() => assertDigest('bytes', SHA256, '00')).to.throw(CliError, 'bytes do not match their digest');
  });
});

describe('the path of a snapshot', () => {
  it('has any origin as one segment', () => {
    expect(outgoingPath('a/b ü%2e?', { workload: 'dc2', version: undefined })).to.equal(
      '/v1/snapshots/a%2Fb%20%C3%BC%252e%3F?workload=dc2',
    );
    expect(outgoingPath('plain', {})).to.equal('/v1/snapshots/plain');
  });

  it('is refused for what would be another path', () => {
    for (const name of ['', '.', '..']) expect(() => segment(name, 'ORIGIN')).to.throw(CliError, 'ORIGIN may not be');
  });

  it('takes a version that is a positive integer', () => {
    expect(parseVersion('12')).to.equal('12');
    for (const text of ['0', '-1', '1.5', 'x', '']) expect(() => parseVersion(text)).to.throw(CliError, '--version');
  });
});

describe('the progress of a transfer', () => {
  it('shows how much of a known whole is there, how fast, and how long it will take', () => {
    expect(progressLine({ name: 'orders', bytes: 25 * 1024, total: 100 * 1024, elapsedMs: 1000 })).to.equal(
      'orders  [######..................]  25%  25.0 KiB of 100.0 KiB  25.0 KiB/s  3.0s left',
    );
  });

  it('shows what there is when nobody knows the whole', () => {
    expect(progressLine({ name: 'orders', bytes: 2048, total: null, elapsedMs: 2000 })).to.equal(
      'orders  2.0 KiB  1.0 KiB/s',
    );
  });
});
