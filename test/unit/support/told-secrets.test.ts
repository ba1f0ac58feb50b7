import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { HttpAnswer } from '../../support/http-call.ts';
import { secretsOfArguments, secretsOfConfigFile, secretsOfEnvironment } from '../../support/known-secrets.ts';
import { formsOf } from '../../support/secret-forms.ts';
import { ToldSecrets } from '../../support/told-secrets.ts';

const TOKEN = 'p@ss/w:rd "of" 100% ü';
const SEED = 'nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A';

describe('the search for secrets in what is told', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'crossdc-told-'))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  function file(name: string, text: string): string {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  }

  function searching(value = TOKEN): ToldSecrets {
    const told = new ToldSecrets();
    told.register([{ kind: 'localApiToken', value }]);
    return told;
  }

  const told: Record<string, string> = {
    'as it is': `refused: ${TOKEN}`,
    'in JSON': JSON.stringify({ headers: [`Bearer ${TOKEN}`] }),
    'in a URL': `http://me:${encodeURIComponent(TOKEN)}@host/`,
    'in a form': new URLSearchParams({ token: TOKEN }).toString(),
    'as Basic authentication': `Authorization: Basic ${Buffer.from(`me:${TOKEN}`).toString('base64')}`,
    'in the payload of a token': Buffer.from(`{"a":${JSON.stringify(TOKEN.slice(0, 9))}}`).toString('base64url'),
    'in hexadecimal digits': `dump ${Buffer.from(`x${TOKEN}x`).toString('hex')}`,
  };
  for (const [how, text] of Object.entries(told)) {
    it(`finds one that was told ${how}`, () => {
      const secrets = how === 'in the payload of a token' ? searching(TOKEN.slice(0, 9)) : searching();
      secrets.hear('the log of dc1', text);
      expect(secrets.takeFindings()).to.deep.equal(['the log of dc1 has the secret of localApiToken']);
    });
  }

  it('finds any secret in any text in base64, wherever in it it stands', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 12 }), fc.string(), fc.string(), (secret, before, after) => {
        const secrets = searching(secret);
        for (const encoding of ['base64', 'base64url'] as const)
          secrets.hear(encoding, Buffer.from(before + secret + after).toString(encoding));
        // A lone surrogate is no text of a key, and Buffer replaces it.
        return !secret.isWellFormed() || secrets.takeFindings().length === 2;
      }),
    );
  });

  it('finds none where none was told, and says nothing of the secret in a finding', () => {
    const secrets = searching();
    secrets.hear('a', 'localApiToken=***');
    expect(secrets.takeFindings()).to.deep.equal([]);
    secrets.hear('b', TOKEN);
    expect(() => secrets.settle())
      .to.throw('secrets were told:\nb has the secret of localApiToken')
      .and.satisfy(({ message }: Error) => formsOf(TOKEN).every((form) => !message.includes(form)));
    expect(() => secrets.settle(), 'said once').not.to.throw();
  });

  it('hears the headers and the body of an answer', () => {
    const secrets = searching('only-a-token');
    const headers = { 'content-type': 'application/problem+json', 'www-authenticate': 'Bearer only-a-token' };
    secrets.hearAnswer('GET /', new HttpAnswer(401, headers, Buffer.from('{"detail":"only-a-token"}')));
    expect(secrets.takeFindings()).to.have.length(2);
  });

  it('hears the files of a folder with their names, and a folder that is not there', () => {
    const secrets = searching('only-a-token');
    mkdirSync(join(folder, 'events'));
    file('events/1.log', '{"note":"only-a-token"}\n');
    file('only-a-token', '');
    secrets.hearFolder('the state folder', folder);
    secrets.hearFolder('the state folder', join(folder, 'none'));
    expect(secrets.takeFindings()).to.have.members([
      'a name in the state folder has the secret of localApiToken',
      `the state folder: ${join('events', '1.log')} has the secret of localApiToken`,
    ]);
  });

  it('knows the secrets of a configuration and of the files that it names', () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const pem = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
    const encryption = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNO-0';
    const config = file(
      'dc1.conf',
      [
        '# localApiToken=a-comment-is-none',
        'localApiToken = one-token ',
        `com.acme::MainComposite_localApiReadTokenFile=${file('read', 'another-token\n')}`,
        `peerSharedKey=${'0123456789abcdef'.repeat(2)}, ed25519:dc1:private:${SEED}`,
        `peerTlsKeyFile=${file('key.pem', pem)}`,
        `snapshotEncryptionKeyFile=${file('keys', `# for people\n0a1b2c3d:${encryption}\n`)}`,
        'dataSnapshotJdbcUrl=jdbc:postgresql://me:p%40ssword@h/db?password=in-the-query',
        `dataSnapshotJdbcPasswordFile=${join(folder, 'missing')}`,
      ].join('\n'),
    );
    const known = secretsOfConfigFile(config);
    expect(new Set(known.map(({ kind }) => kind))).to.deep.equal(
      new Set([
        'localApiToken',
        'localApiReadTokenFile',
        'peerSharedKey',
        'peerTlsKeyFile',
        'snapshotEncryptionKeyFile',
        'dataSnapshotJdbcUrl',
      ]),
    );
    const values = known.map(({ value }) => value);
    expect(values).to.include.members(['one-token', 'another-token', '0123456789abcdef'.repeat(2), SEED, encryption]);
    expect(values).to.include.members(['p%40ssword', 'p@ssword', 'in-the-query', pem.split('\n')[1]]);
    expect(values).to.include(privateKey.export({ format: 'jwk' }).d);
    expect(values).to.include(Buffer.from(SEED, 'base64url').toString('hex'));
    expect(values.join()).not.to.include('0a1b2c3d:').and.not.include('a-comment');
  });

  it('knows those of the environment and of a command line', () => {
    const environment = { CROSSDC_LOCAL_API_TOKEN: 'one-token', CROSSDC_TOKEN: 'another', PATH: '/bin' };
    expect(secretsOfEnvironment(environment).map(({ value }) => value)).to.have.members(['one-token', 'another']);
    const config = file('dc1.conf', 'localApiToken=three-tokens\n');
    const args = ['check-config', '--config', config, '--set', 'localApiReadToken=two-tokens', '--set=logLevel=debug'];
    expect(secretsOfArguments(args).map(({ value }) => value)).to.have.members(['three-tokens', 'two-tokens']);
  });
});
