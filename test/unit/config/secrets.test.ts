import { inspect } from 'node:util';
import { expect } from 'chai';
import { LEAST, fileError, loadGood, loadText, problemsOf, configOf } from './load-text.ts';

const TOKEN = 'a-long-random-text';
const SECRETS = '/run/secrets/token';
const inFile = { [SECRETS]: `${TOKEN}\n` };

describe('a secret key', () => {
  it('is taken from its own key, and from a file without the line end', () => {
    expect(configOf(`${LEAST}localApiToken=${TOKEN}\n`).localApiToken?.reveal()).to.equal(TOKEN);
    for (const content of [TOKEN, `${TOKEN}\n`, `${TOKEN}\r\n`, `${TOKEN}\n\n`]) {
      const files = { [SECRETS]: content };
      expect(configOf(`${LEAST}localApiTokenFile=${SECRETS}\n`, { files }).localApiToken?.reveal()).to.equal(TOKEN);
    }
    const environment = { CROSSDC_LOCAL_API_TOKEN_FILE: SECRETS };
    expect(configOf(LEAST, { files: inFile, environment }).localApiToken?.reveal()).to.equal(TOKEN);
  });

  it('is nowhere in what is loaded, explained or printed', () => {
    const loaded = loadGood(`${LEAST}localApiToken=${TOKEN}\n`);
    expect(inspect(loaded, { depth: 20, showHidden: true })).not.to.contain(TOKEN);
    expect(JSON.stringify(loaded)).not.to.contain(TOKEN);
    expect(loaded.explain.find(({ key }) => key === 'localApiToken')).to.deep.include({ value: '***' });
  });

  it('is nowhere in what is said of it when it is wrong', () => {
    for (const extra of [
      { set: ['localApiToken=hun ter2'] },
      { environment: { CROSSDC_LOCAL_API_TOKEN: 'hun ter2\0' } },
    ]) {
      expect(problemsOf(LEAST, extra).join())
        .to.match(/localApiToken|LOCAL_API_TOKEN/)
        .and.not.match(/hun|ter2/);
    }
    const files = { [SECRETS]: 'hun\nter2\n' };
    expect(problemsOf(`${LEAST}localApiTokenFile=${SECRETS}\n`, { files })).to.deep.equal([
      '/etc/crossdc/dc1.conf:3: localApiTokenFile: the text in "/run/secrets/token" must be 1 to 4096 visible ASCII characters without blanks',
    ]);
  });

  it('given in both ways in one source contradicts itself', () => {
    const text = `${LEAST}localApiToken=${TOKEN}\nlocalApiTokenFile=${SECRETS}\n`;
    const expected = [
      '/etc/crossdc/dc1.conf:4: localApiTokenFile: contradicts localApiToken on line 3; keep one of the two',
    ];
    expect(problemsOf(text, { files: inFile })).to.deep.equal(expected);
    expect(
      problemsOf(text, { files: inFile, set: [`localApiToken=${TOKEN}`] }),
      'also when a stronger source decides',
    ).to.deep.equal(expected);
  });

  it('given in both ways in two sources is that of the stronger one', () => {
    const other = 'another-long-random-text';
    const text = `${LEAST}localApiToken=${other}\n`;
    const environment = { CROSSDC_LOCAL_API_TOKEN_FILE: SECRETS };
    expect(configOf(text, { files: inFile, environment }).localApiToken?.reveal()).to.equal(TOKEN);
    expect(
      configOf(LEAST, { files: inFile, environment, set: [`localApiToken=${other}`] }).localApiToken?.reveal(),
    ).to.equal(other);
  });

  it('whose file cannot be read, or is empty, is a problem', () => {
    const text = `${LEAST}localApiTokenFile=${SECRETS}\n`;
    expect(problemsOf(text)).to.deep.equal([
      '/etc/crossdc/dc1.conf:3: localApiTokenFile: "/run/secrets/token" cannot be read: there is no such file',
    ]);
    expect(problemsOf(text, { files: { [SECRETS]: fileError('EACCES') } })[0]).to.contain('this user may not read it');
    expect(problemsOf(text, { files: { [SECRETS]: '\n' } })).to.have.length(1);
    // Only line ends at its end are no part of a secret.
    expect(problemsOf(text, { files: { [SECRETS]: ` ${TOKEN}` } })).to.have.length(1);
    expect(problemsOf(`${LEAST}localApiTokenFile=\n`)[0]).to.contain('is empty; right is the path of a file');
    expect(problemsOf(`${LEAST}localApiToken=\n`)[0]).to.contain('is empty');
  });

  it('that could be guessed is warned of, without showing it', () => {
    const loaded = loadText(`${LEAST}localApiToken=hunter2\n`);
    expect(loaded.warnings.join()).to.contain('localApiToken: has fewer than 16 characters').and.not.contain('hunter2');
    expect(loadGood(`${LEAST}localApiToken=${TOKEN}\n`).warnings).to.deep.equal([]);
  });
});
