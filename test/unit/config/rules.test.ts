import { expect } from 'chai';
import { FILE, LEAST, configOf, loadGood, problemsOf } from './load-text.ts';

const MACHINES = 'remoteDataCenterApplicationMachineNames';
const good = (lines: string): void => void loadGood(`${LEAST}${lines}\n`);
const bad = (lines: string): string => {
  const problems = problemsOf(`${LEAST}${lines}\n`);
  expect(problems).to.have.length(1);
  return problems.join();
};

describe('keys that contradict each other', () => {
  describe('with peerAuth=none', () => {
    for (const host of ['10.0.0.1', 'db1', '0.0.0.0', '::', '[2001:db8::1]:80', 'localhost.example.org']) {
      it(`a machine ${host} is refused, naming the two lines that would be needed`, () => {
        const [problem, ...others] = problemsOf(`localDataCenterName=dc1\n${MACHINES}=${host}\n`);
        expect(others).to.deep.equal([]);
        expect(problem).to.match(new RegExp(`^${FILE}:2: ${MACHINES}: .* is no loopback address`));
        expect(problem)
          .to.contain('peerAuth=key')
          .and.contain('peerSharedKeyFile=PATH')
          .and.contain('not built yet in this version');
      });
    }

    it('every machine counts, also of peers with a suffix, and also when the key is given', () => {
      expect(bad(`${MACHINES}.dc3=127.0.0.1:1,10.0.0.1,10.0.0.2\npeerAuth=none`)).to.contain(
        '10.0.0.1, 10.0.0.2 are no loopback addresses',
      );
    });

    it('a peer listener beyond loopback is refused, and is on loopback by default', () => {
      expect(bad('crossDCHttpHost=0.0.0.0')).to.contain(
        `${FILE}:3: crossDCHttpHost: "0.0.0.0" is no loopback address; beyond loopback`,
      );
      expect(configOf(LEAST).peerHost).to.equal('127.0.0.1');
      for (const host of ['::1', 'localhost', '127.9.9.9', '[::1]']) good(`crossDCHttpHost=${host}`);
    });
  });

  describe('on listeners', () => {
    it('two listeners cannot have one port', () => {
      expect(bad('crossDCHttpPort=25090')).to.equal(
        `${FILE}:3: crossDCHttpPort: 25090 is also localApiPort by default; give each listener a port of its own`,
      );
      expect(bad('localApiPort=25091')).to.contain('localApiPort: 25091 is also crossDCHttpPort by default');
      expect(bad('crossDCHttpPort=1\nlocalApiPort=1')).to.contain(
        `:4: localApiPort: 1 is also crossDCHttpPort (${FILE}:3)`,
      );
      expect(bad('metricsHost=0.0.0.0\nmetricsPort=25090')).to.contain('metricsPort: 25090 is also localApiPort');
    });

    it('they can on different addresses, and with port 0', () => {
      good('crossDCHttpHost=127.0.0.2\ncrossDCHttpPort=25090');
      good('crossDCHttpPort=0\nlocalApiPort=0\nmetricsHost=127.0.0.1\nmetricsPort=0');
    });

    it('the metrics listener has host and port or neither', () => {
      expect(bad('metricsHost=127.0.0.1')).to.contain(
        'metricsHost: needs the other half of the address as well, for example metricsPort=25092',
      );
      expect(bad('metricsPort=25092')).to.contain(
        'metricsPort: needs the other half of the address as well, for example metricsHost=127.0.0.1',
      );
      expect(configOf(`${LEAST}metricsHost=0.0.0.0\nmetricsPort=25092\n`)).to.include({
        metricsHost: '0.0.0.0',
        metricsPort: 25092,
      });
    });

    it('the local API beyond loopback needs a token', () => {
      expect(bad('localApiHost=0.0.0.0')).to.contain(
        `${FILE}:3: localApiHost: "0.0.0.0" is no loopback address, so localApiToken`,
      );
      good('localApiHost=0.0.0.0\nlocalApiToken=a-long-random-text');
      good('localApiHost=::1');
    });
  });

  it('the application is polled or reports, not both', () => {
    expect(bad('appHealthUrl=http://127.0.0.1/\nappHealthTtl=5')).to.contain(
      `${FILE}:4: appHealthTtl: contradicts appHealthUrl (${FILE}:3)`,
    );
    expect(configOf(`${LEAST}appHealthTtl=5\n`)).to.include({ healthTtlMs: 5000, appHealthUrl: null });
  });

  it('the held folder is neither the state folder nor around it', () => {
    for (const held of ['./state', 'state/', '.', './other/../state', '/']) {
      expect(bad(`dataSnapshotStorageDirectory=${held}`)).to.contain(
        'dataSnapshotStorageDirectory: must be a folder of its own',
      );
    }
    for (const held of ['./state2', './state/held', '/srv/held']) good(`dataSnapshotStorageDirectory=${held}`);
  });
});
