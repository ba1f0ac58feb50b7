import { expect } from 'chai';
import { environmentName } from '../../../../src/config/environment.ts';
import { OPTION_KEYS, optionOf } from '../../../../src/config/options.ts';
import { commandEnvironment } from '../../../../src/adapters/system/command-environment.ts';

describe('the environment of a command', () => {
  it('has what we inherited and what was added, which wins', () => {
    expect(
      commandEnvironment({ PATH: '/bin', CROSSDC_STATE: 'old', GONE: undefined }, { CROSSDC_STATE: 'down' }),
    ).to.deep.equal({
      PATH: '/bin',
      CROSSDC_STATE: 'down',
    });
  });

  it('has none of our secrets', () => {
    const secrets = {
      CROSSDC_LOCAL_API_TOKEN: 'x',
      CROSSDC_TOKEN: 'x',
      CROSSDC_DATA_SNAPSHOT_JDBC_PASSWORD: 'x',
      CROSSDC_PEER_SHARED_KEY: 'x',
      CROSSDC_SOME_KEY: 'x',
      CROSSDC_DATA_SNAPSHOT_JDBC_URL: 'postgres://u:p@h/d',
      CROSSDC_APP_WEBHOOK_URL: 'https://u:p@h/',
    };
    expect(commandEnvironment(secrets, {})).to.deep.equal({});
  });

  it('has none of the keys that are secret or may have a secret in them, whichever are added', () => {
    const keys = OPTION_KEYS.filter((key) => optionOf(key).isSecret === true || optionOf(key).kind.shown !== undefined);
    expect(keys).to.include.members(['localApiToken', 'localApiReadToken', 'peerSharedKey', 'dataSnapshotJdbcUrl']);
    const secrets = Object.fromEntries(keys.map((key) => [environmentName(key), 'x']));
    expect(commandEnvironment(secrets, {})).to.deep.equal({});
  });

  it("keeps what only looks like one of our secrets, and the application's own", () => {
    const kept = {
      CROSSDC_PEER_TLS_KEY_FILE: '/etc/key.pem',
      CROSSDC_URL: 'http://127.0.0.1:25090',
      CROSSDC_MONKEY: 'x',
      VAULT_TOKEN: 'of the operator',
    };
    expect(commandEnvironment(kept, {})).to.deep.equal(kept);
  });
});
