import { expect } from 'chai';
import { DATA_CENTERS_MOST, ROWS_MOST } from '../../../src/core/ownership.ts';
import { FILE, configOf, loadGood, problemsOf } from './load-text.ts';

const ME = 'localDataCenterName=dc1\n';
const KEY = 'remoteDataCenterApplicationMachineNames';
const PEERS_MOST = DATA_CENTERS_MOST - 1;
const said = (text: string): string[] => problemsOf(text).map((line) => line.replace(`${FILE}:`, ''));

describe('the peers of a configuration', () => {
  it('have the port of crossDCHttpPort where none is given', () => {
    const text = `${ME}crossDCHttpPort=4000\n${KEY}= localhost , 127.0.0.2:25191,[::1]:5,::1,\n`;
    expect(configOf(text).peers).to.deep.equal([
      { name: null, machines: ['localhost:4000', '127.0.0.2:25191', '[::1]:5', '[::1]:4000'] },
    ]);
  });

  it('are one without a name until it is learned, or has the name that is given', () => {
    expect(configOf(`${ME}${KEY}=127.0.0.1:1\n`).peers[0]?.name).to.equal(null);
    expect(configOf(`${ME}${KEY}=127.0.0.1:1\nremoteDataCenterName=dc2\n`).peers[0]?.name).to.equal('dc2');
  });

  it('are several with a suffix each, beside the one without', () => {
    const text = `${ME}${KEY}.dc2=127.0.0.1:2\n${KEY}.Dc-3.x=127.0.0.1:3\n`;
    expect(configOf(text).peers.map(({ name }) => name)).to.deep.equal(['dc2', 'Dc-3.x']);
    expect(configOf(`${text}${KEY}=127.0.0.1:4\n`).peers.map(({ name }) => name)).to.deep.equal([
      null,
      'dc2',
      'Dc-3.x',
    ]);
    expect(configOf(`${text}remoteDataCenterName=dc2\n`).peers).to.have.length(2);
  });

  it('are explained a line each, with their ports', () => {
    const { explain } = loadGood(`${ME}${KEY}.dc2=127.0.0.1\n${KEY}=127.0.0.1:4\n`, {
      set: [`${KEY}.dc3=localhost:9`],
    });
    expect(explain.filter(({ key }) => key.startsWith(KEY))).to.deep.equal([
      { key: KEY, value: '127.0.0.1:4', source: `${FILE}:3` },
      { key: `${KEY}.dc3`, value: 'localhost:9', source: '--set' },
      { key: `${KEY}.dc2`, value: '127.0.0.1:25091', source: `${FILE}:2` },
    ]);
  });

  for (const [name, text, problem] of [
    [
      'a machine twice',
      `${KEY}=127.0.0.1:2,127.0.0.1:2`,
      `2: ${KEY}: names 127.0.0.1:2 twice; a machine belongs to one peer, once`,
    ],
    [
      'a machine twice by its default port',
      `${KEY}=LOCALHOST,localhost:25091`,
      `2: ${KEY}: names localhost:25091 twice; a machine belongs to one peer, once`,
    ],
    [
      'one machine of two peers',
      `${KEY}.dc2=127.0.0.1:2\n${KEY}.dc3=127.0.0.1:2`,
      `3: ${KEY}.dc3: names 127.0.0.1:2 twice, also in ${KEY}.dc2; a machine belongs to one peer, once`,
    ],
    [
      'our own name',
      `${KEY}=127.0.0.1:2\nremoteDataCenterName=dc1`,
      '3: remoteDataCenterName: "dc1" is localDataCenterName; a peer has another name',
    ],
    [
      'our own name as a suffix',
      `${KEY}.dc1=127.0.0.1:2`,
      `2: ${KEY}.dc1: the suffix "dc1" is localDataCenterName; a peer has another name`,
    ],
    [
      'a suffix that is no name',
      `${KEY}.-x=127.0.0.1:2`,
      `2: ${KEY}.-x: the suffix "-x" must be 1 to 64 of A-Z a-z 0-9 . _ -, beginning with a letter or digit`,
    ],
    [
      'an empty suffix',
      `${KEY}.=127.0.0.1:2`,
      `2: ${KEY}.: the suffix "" must be 1 to 64 of A-Z a-z 0-9 . _ -, beginning with a letter or digit`,
    ],
    [
      'a peer in two lines',
      `${KEY}=127.0.0.1:2\n${KEY}.dc2=127.0.0.1:3\nremoteDataCenterName=dc2`,
      `4: remoteDataCenterName: "dc2" is also the peer of ${KEY}.dc2; give the machines of a peer in one line`,
    ],
    [
      'a name without machines',
      `${KEY}.dc2=127.0.0.1:2\nremoteDataCenterName=dc3`,
      `3: remoteDataCenterName: names the peer of ${KEY} without a suffix, and there is no such line`,
    ],
    [
      'a machine without a port beside port 0',
      `crossDCHttpPort=0\n${KEY}=::1`,
      `3: ${KEY}: ::1 needs a port of its own ([::1]:25091), since crossDCHttpPort is 0`,
    ],
    [
      'no machine between commas',
      `${KEY}= , ,`,
      `2: ${KEY}: must name at least one machine: host or host:port, separated by commas; it is ", ,"`,
    ],
    [
      'an empty line of a peer',
      `${KEY}.dc2=`,
      `2: ${KEY}.dc2: is empty; right is host or host:port, separated by commas, or no such line at all`,
    ],
    ['a URL', `${KEY}=http://h:1`, `2: ${KEY}: "http://h:1" is a URL; give host or host:port; it is "http://h:1"`],
    [
      'too many machines',
      `${KEY}=${Array.from({ length: 65 }, (_, i) => `127.0.0.1:${i + 1}`).join(',')}`,
      /must name at most 64 machines/,
    ],
  ] as const) {
    it(`are refused with ${name}`, () => {
      const [problem0, ...others] = said(`${ME}${text}\n`);
      if (typeof problem === 'string') expect(problem0).to.equal(problem);
      else expect(problem0).to.match(problem);
      expect(others).to.deep.equal([]);
    });
  }

  it('are at most as many as a message can tell of, each of them contested', () => {
    const lines = (count: number): string => {
      const own = Array.from({ length: count - 1 }, (_, i) => `${KEY}.peer${i + 1}=127.0.0.1:${i + 1}`);
      return `${ME}${[...own, `${KEY}=127.0.0.1:65000`].join('\n')}\n`;
    };
    expect(configOf(lines(PEERS_MOST)).peers).to.have.length(PEERS_MOST);
    expect(2 * (PEERS_MOST + 1)).to.equal(ROWS_MOST);
    expect(said(lines(PEERS_MOST + 9))).to.deep.equal([
      `32: ${KEY}.peer31: is one of 40 peer data centres, and there may be at most 31: every message tells of all of them and has room for no more; keep at most 31 lines of ${KEY}`,
    ]);
  });

  it('are warned of when they are this gateway itself, as with the toolkit’s own default', () => {
    const { warnings } = loadGood(`${ME}${KEY}=localhost\n`);
    expect(warnings).to.deep.equal([
      `${FILE}:2: ${KEY}: localhost:25091 is this gateway's own peer listener, which refuses its own heartbeats`,
    ]);
    expect(loadGood(`${ME}${KEY}=127.0.0.2\n`).warnings).to.deep.equal([]);
  });
});
