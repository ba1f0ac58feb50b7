import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { fileAccess, type FileAccess } from '../../../src/config/file-access.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { FILE, LEAST, loadGood, problemsOf, type Extra } from './load-text.ts';

const TOKEN = 'a-long-random-text';
const SECRET = '/run/secrets/token';
const BY_FILE = `${LEAST}localApiTokenFile=${SECRET}\n`;

/** A disk on which the secret has these rights, and everything else is ours alone. */
function withMode(mode: number, owner: FileAccess['owner'] = 'us', path = SECRET): Extra {
  return {
    files: { [SECRET]: TOKEN },
    accessOf: (asked) => (asked === path ? { mode, owner } : { mode: 0o600, owner: 'us' }),
  };
}

describe('the file of a secret', () => {
  for (const mode of [0o644, 0o604, 0o666, 0o602, 0o601, 0o777]) {
    it(`with mode ${mode.toString(8)} is refused: every user may use it`, () => {
      const shown = `0${mode.toString(8)}`;
      expect(problemsOf(BY_FILE, withMode(mode))).to.deep.equal([
        `${FILE}:3: localApiTokenFile: "${SECRET}" holds a secret and is open to every user of this machine (mode ${shown}); chmod 600 ${SECRET}, or where it is mounted defaultMode: 0400 (Kubernetes), mode: 0400 (Docker)`,
      ]);
    });
  }

  for (const mode of [0o640, 0o660, 0o440, 0o620]) {
    it(`with mode ${mode.toString(8)} is warned of: its group may use it`, () => {
      expect(loadGood(BY_FILE, withMode(mode)).warnings).to.deep.equal([
        `${FILE}:3: localApiTokenFile: "${SECRET}" holds a secret and is open to its group (mode 0${mode.toString(8)}); chmod 600 ${SECRET}`,
      ]);
    });
  }

  for (const mode of [0o600, 0o400, 0o700]) {
    it(`with mode ${mode.toString(8)} is ours alone`, () => {
      for (const owner of ['us', 'root'] as const)
        expect(loadGood(BY_FILE, withMode(mode, owner)).warnings).to.deep.equal([]);
    });
  }

  it('of another user, who is not root, is warned of', () => {
    const [warning, ...others] = loadGood(BY_FILE, withMode(0o600, 'other')).warnings;
    expect(warning).to.contain(`"${SECRET}" holds a secret and belongs to another user`);
    expect(others).to.deep.equal([]);
  });

  it('is looked at whichever key names it, and whichever source names the key', () => {
    for (const line of ['localApiReadTokenFile', 'dataSnapshotJdbcPasswordFile', 'snapshotEncryptionKeyFile']) {
      const problems = problemsOf(`${LEAST}${line}=${SECRET}\n`, withMode(0o644)).join('\n');
      expect(problems, line).to.contain(`${line}: "${SECRET}" holds a secret and is open to every user`);
    }
    const tls = `${LEAST}peerTlsCertFile=/t/crt\npeerTlsCaFile=/t/ca\npeerTlsKeyFile=/t/key\n`;
    expect(problemsOf(tls, withMode(0o644, 'us', '/t/key')).join()).to.contain('chmod 600 /t/key');
    // Certificates are for everybody.
    for (const path of ['/t/crt', '/t/ca']) loadGood(tls, withMode(0o644, 'us', path));
    const environment = { CROSSDC_LOCAL_API_TOKEN_FILE: SECRET };
    expect(problemsOf(LEAST, { ...withMode(0o644), environment })[0]).to.match(/^environment: CROSSDC_LOCAL/);
  });

  it('that a stronger source replaces is not read, and its mode is nobody’s business', () => {
    const environment = { CROSSDC_LOCAL_API_TOKEN: TOKEN };
    expect(loadGood(BY_FILE, { ...withMode(0o644), environment }).warnings).to.deep.equal([]);
  });

  it('that systemd hands over shows rights of a group that are none', () => {
    const path = '/run/credentials/crossdc.service/token';
    const extra = { files: { [path]: TOKEN }, accessOf: () => ({ mode: 0o440, owner: 'root' as const }) };
    expect(loadGood(`${LEAST}localApiTokenFile=${path}\n`, extra).warnings).to.deep.equal([]);
  });

  it('is given to a shell as one word', () => {
    const path = '/run/my secrets/$(token)';
    const extra = { files: { [path]: TOKEN }, accessOf: () => ({ mode: 0o604, owner: 'us' as const }) };
    expect(problemsOf(`${LEAST}localApiTokenFile=${path}\n`, extra)[0]).to.contain(`chmod 600 "${path}"`);
  });
});

describe('a file of the configuration that holds a secret', () => {
  const KEY = '0123456789abcdefghijklmnopqrstuvwxyz';
  const warned = (mode: number, text: string, extra: Extra = {}): readonly string[] =>
    loadGood(text, { ...withMode(mode, 'us', FILE), ...extra }).warnings;

  it('and that others or its group may read is warned of, once, at the first of its secrets', () => {
    const text = `${LEAST}localApiToken=${TOKEN}\npeerSharedKey=${KEY}\n`;
    expect(warned(0o644, text)).to.deep.equal([
      `${FILE}:3: localApiToken: "${FILE}" holds this secret and peerSharedKey and is open to every user of this machine (mode 0644); chmod 600 ${FILE}, or give localApiTokenFile=PATH instead`,
    ]);
    expect(warned(0o640, text).join()).to.contain('is open to its group (mode 0640)').and.not.contain(TOKEN);
    expect(warned(0o600, text)).to.deep.equal([]);
  });

  it('may be read by everybody when it only names the files', () => {
    expect(warned(0o644, BY_FILE)).to.deep.equal([]);
    expect(warned(0o644, LEAST)).to.deep.equal([]);
  });

  it('is also one with a password in a URL', () => {
    const url = (login: string): string => `${LEAST}dataSnapshotJdbcUrl=postgresql://${login}@h/x\n`;
    const [warning, ...others] = warned(0o644, url('me:hunter2')).filter((line) => line.includes('this secret'));
    expect(warning).to.contain('dataSnapshotJdbcUrl: ').and.contain('give dataSnapshotJdbcPasswordFile=PATH instead');
    expect(warning).not.to.contain('hunter2');
    expect(others).to.deep.equal([]);
    const environment = { CROSSDC_DATA_SNAPSHOT_JDBC_URL: 'postgresql://me:hunter2@h/x' };
    expect(warned(0o644, url('me'), { environment }).join(), 'in the environment alone').not.to.contain('this secret');
    expect(warned(0o644, url('me'), {}).join()).not.to.contain('holds this secret');
  });

  it('is also one whose secret a stronger source replaces, a .env and an app-config file', () => {
    const text = `${LEAST}localApiToken=${TOKEN}\n`;
    expect(
      warned(0o644, text, { environment: { CROSSDC_LOCAL_API_TOKEN: 'another-long-random-text' } }),
    ).to.have.length(1);
    const dotenv = '/etc/crossdc/.env';
    const beside = { ...withMode(0o644, 'us', dotenv), files: { [dotenv]: `CROSSDC_LOCAL_API_TOKEN=${TOKEN}\n` } };
    expect(loadGood(LEAST, beside).warnings.join()).to.contain(
      `${dotenv}:1: CROSSDC_LOCAL_API_TOKEN: "${dotenv}" holds`,
    );
    const app = '/etc/apps.cfg';
    const prefixed = `ns::MainComposite_localApiToken=${TOKEN}\n`;
    const named = { ...withMode(0o644, 'us', app), appConfigFile: app, files: { [app]: prefixed } };
    expect(loadGood(`${LEAST}applicationName=ns::MainComposite\n`, named).warnings.join()).to.contain(
      `"${app}" holds this secret`,
    );
  });

  it('is not needed to tell that a secret on the command line is no secret', () => {
    const { warnings } = loadGood(LEAST, { set: [`localApiToken=${TOKEN}`] });
    expect(warnings).to.deep.equal([
      '--set: localApiToken: stands on the command line, which every user of this machine can read; give localApiTokenFile=PATH instead',
    ]);
  });
});

describe('the rights of a file on the disk', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'crossdc-access-'))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('are those of what a link leads to, as Kubernetes mounts a secret', () => {
    const target = join(folder, '..data');
    const link = join(folder, 'token');
    writeFileSync(target, TOKEN);
    symlinkSync(target, link);
    for (const mode of [0o600, 0o644, 0o4640]) {
      chmodSync(target, mode);
      expect(fileAccess(link)).to.deep.equal({ mode, owner: 'us' });
    }
  });

  it('are not known of what is not there, and of what is no file', () => {
    for (const path of [join(folder, 'none'), folder, '/dev/null']) expect(fileAccess(path)).to.equal(null);
  });

  it('are asked for when a configuration is loaded from the disk', () => {
    const [config, secret] = [join(folder, 'dc1.conf'), join(folder, 'token')];
    writeFileSync(config, `${LEAST}localApiTokenFile=${secret}\n`);
    writeFileSync(secret, TOKEN);
    chmodSync(secret, 0o644);
    const loaded = loadConfig({ configFile: config });
    expect(loaded.ok ? [] : loaded.problems.join()).to.contain('(mode 0644)');
    chmodSync(secret, 0o600);
    expect(loadConfig({ configFile: config })).to.include({ ok: true });
  });
});
