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
          .and.contain('crossdc keys generate');
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

    it('the local API on a socket is nowhere else, and has no port that could be in the way', () => {
      expect(bad('localApiPort=1\nlocalApiSocket=/run/api.sock')).to.equal(
        `${FILE}:4: localApiSocket: contradicts localApiPort (${FILE}:3): the local API listens on the socket or there; keep one of the two`,
      );
      expect(problemsOf(`${LEAST}localApiSocket=./s\nlocalApiHost=0.0.0.0\nlocalApiPort=1\n`)).to.have.length(2);
      good('localApiSocket=/run/api.sock\ncrossDCHttpPort=25090');
      expect(configOf(`${LEAST}localApiSocket=./run/ä b.sock\n`).localApiSocket).to.equal('./run/ä b.sock');
    });

    it('a socket’s path is one that an address has room for, counted in bytes', () => {
      good(`localApiSocket=/${'x'.repeat(106)}`);
      for (const path of [`/${'x'.repeat(107)}`, `/${'ä'.repeat(53)}x`]) {
        expect(bad(`localApiSocket=${path}`)).to.contain('localApiSocket: must be a path of 1 to 107 bytes');
      }
      expect(bad('localApiSocket=unix:/run/api.sock')).to.contain('without unix: before it');
      expect(bad('localApiSocket="/run/api.sock"')).to.contain('without quotes');
    });

    it('the token that may only read needs the other one, and is another one', () => {
      const one = 'a-long-random-text';
      expect(bad(`localApiReadToken=${one}`)).to.contain(`${FILE}:3: localApiReadToken: needs localApiToken`);
      const same = bad(`localApiToken=${one}\nlocalApiReadToken=${one}`);
      expect(same).to.contain(`${FILE}:4: localApiReadToken: must be another one than localApiToken (${FILE}:3)`);
      expect(same).not.to.contain(one);
      const config = configOf(`${LEAST}localApiToken=${one}\nlocalApiReadToken=another-${one}\n`);
      expect(config.localApiReadToken?.reveal()).to.equal(`another-${one}`);
      // One that is wrong in itself is complained of once.
      bad(`localApiToken=${one}\nlocalApiReadToken=a b`);
      bad(`localApiToken=a b\nlocalApiReadToken=${one}`);
    });
  });

  describe('of the peers’ authentication', () => {
    const key = 'peerSharedKey=0123456789abcdefghijklmnopqrstuvwxyz';
    const tls = 'peerTlsCertFile=/t/crt\npeerTlsKeyFile=/t/key\npeerTlsCaFile=/t/ca';
    const auth = (lines: string): string => configOf(`${LEAST}${lines}\n`).peerAuth;

    it('what there is material for is what is in force, and tls is the stronger', () => {
      expect(auth('')).to.equal('none');
      expect(auth(key)).to.equal('key');
      expect(auth(tls)).to.equal('tls');
      expect(auth(`${tls}\n${key}`)).to.equal('tls');
      expect(auth(`${tls}\n${key}\npeerAuth=key`)).to.equal('key');
      expect(auth('peerAuth=none')).to.equal('none');
    });

    it('the material of both is there when both are given, whichever is said', () => {
      for (const said of ['', 'peerAuth=key\n', 'peerAuth=tls\n']) {
        const { peerTls, peerKeys } = configOf(`${LEAST}${tls}\n${key}\n${said}`);
        expect(peerTls).to.deep.equal({ certFile: '/t/crt', keyFile: '/t/key', caFile: '/t/ca' });
        expect(peerKeys?.file).to.equal(null);
        expect(peerKeys?.text.reveal()).to.equal(key.slice('peerSharedKey='.length));
      }
      const files = { '/k': `# ours\n${key.slice('peerSharedKey='.length)}\n` };
      expect(configOf(`${LEAST}peerSharedKeyFile=/k\n`, { files }).peerKeys?.file).to.equal('/k');
    });

    it('with it the peer listener is on every address by default, and machines may be anywhere', () => {
      for (const material of [key, tls]) {
        expect(configOf(`${LEAST}${material}\n`).peerHost).to.equal('0.0.0.0');
        expect(configOf(`${LEAST}${material}\ncrossDCHttpHost=127.0.0.1\n`).peerHost).to.equal('127.0.0.1');
        good(`${material}\n${MACHINES}.dc3=10.0.0.1`);
        good(`${material}\ncrossDCHttpHost=0.0.0.0`);
        const { explain } = loadGood(`${LEAST}${material}\n`);
        const shown = Object.fromEntries(explain.map((row) => [row.key, row.value]));
        expect(shown).to.include({ crossDCHttpHost: '0.0.0.0', peerAuth: material === key ? 'key' : 'tls' });
      }
    });

    it('then its port must not be the local API’s, which is on loopback', () => {
      expect(bad(`${key}\ncrossDCHttpPort=25090`)).to.contain('25090 is also localApiPort by default');
    });

    it('of the three files of TLS none is of use without the others', () => {
      const lines = tls.split('\n');
      for (const line of lines) {
        const one = bad(line);
        for (const other of lines.filter((row) => row !== line)) expect(one).to.contain(other.split('=')[0]);
        bad(lines.filter((row) => row !== line).join('\n'));
      }
      // They are not taken for an authentication that there is not.
      expect(problemsOf(`${LEAST}peerTlsCaFile=/t/ca\ncrossDCHttpHost=0.0.0.0\n`)).to.have.length(2);
    });

    it('what is said and has no material is refused, and so is material that would be of no use', () => {
      expect(bad('peerAuth=key')).to.contain('peerAuth: key needs peerSharedKeyFile=PATH');
      expect(bad(`peerAuth=key\n${tls}`)).to.contain('peerAuth: key needs peerSharedKeyFile=PATH');
      expect(bad('peerAuth=tls')).to.contain('peerAuth: tls needs peerTlsCertFile, peerTlsKeyFile, peerTlsCaFile');
      expect(bad(`peerAuth=tls\n${key}`)).to.contain('peerAuth: tls needs peerTlsCertFile');
      expect(bad(`${key}\npeerAuth=none`)).to.equal(
        `${FILE}:4: peerAuth: none contradicts peerSharedKey (${FILE}:3); remove one of the two`,
      );
      expect(bad(`${tls}\npeerAuth=none`)).to.contain('none contradicts peerTlsCertFile');
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
