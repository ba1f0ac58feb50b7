import { expect } from 'chai';
import { environmentName, readDotenv, readEnvironment } from '../../../src/config/environment.ts';
import { remarkLine } from '../../../src/config/problem.ts';

describe('the environment as a source', () => {
  for (const [key, variable] of [
    ['crossDCHttpPort', 'CROSSDC_CROSS_DC_HTTP_PORT'],
    ['crossDCOperationMode', 'CROSSDC_CROSS_DC_OPERATION_MODE'],
    ['sendDataSnapshotsToOriginDCAtStartup', 'CROSSDC_SEND_DATA_SNAPSHOTS_TO_ORIGIN_DC_AT_STARTUP'],
    ['localDataCenterName', 'CROSSDC_LOCAL_DATA_CENTER_NAME'],
    ['failback', 'CROSSDC_FAILBACK'],
    ['localApiTokenFile', 'CROSSDC_LOCAL_API_TOKEN_FILE'],
  ] as const) {
    it(`calls ${key} ${variable}`, () => {
      expect(environmentName(key)).to.equal(variable);
      expect(readEnvironment({ [variable]: ' 1 ' }).given).to.deep.include({
        key,
        written: variable,
        value: '1',
        place: { rank: 1, name: 'environment', line: null },
      });
    });
  }

  it('takes the name of a peer after a dot as it is written', () => {
    const { given } = readEnvironment({ 'CROSSDC_REMOTE_DATA_CENTER_APPLICATION_MACHINE_NAMES.Dc-3': 'h' });
    expect(given.map(({ key }) => key)).to.deep.equal(['remoteDataCenterApplicationMachineNames.Dc-3']);
  });

  it('warns of a variable of ours that it does not know, with the nearest', () => {
    const { given, warnings } = readEnvironment({ CROSSDC_LOG_LEVLE: 'info', CROSSDC_ZZZZZZZZ: '1' });
    expect(given).to.deep.equal([]);
    expect(warnings.map(remarkLine)).to.deep.equal([
      'environment: CROSSDC_LOG_LEVLE: is no variable of this program and was ignored; did you mean CROSSDC_LOG_LEVEL?',
      'environment: CROSSDC_ZZZZZZZZ: is no variable of this program and was ignored',
    ]);
  });

  it('says nothing of the variables of the operator commands and of other programs', () => {
    const { given, warnings } = readEnvironment({
      CROSSDC_URL: 'http://h',
      CROSSDC_TOKEN: 't',
      PATH: '/bin',
      LOG_LEVEL: 'x',
      CROSSDC_LOG_LEVEL: undefined,
    });
    expect([...given, ...warnings]).to.deep.equal([]);
  });

  it('reads a .env file with the numbers of its lines', () => {
    const { given } = readDotenv('# x\nexport CROSSDC_LOG_LEVEL="debug"\nOTHER=1\n', 'x/.env');
    expect(given).to.deep.equal([
      { key: 'logLevel', written: 'CROSSDC_LOG_LEVEL', value: 'debug', place: { rank: 2, name: 'x/.env', line: 2 } },
    ]);
  });

  it('warns of what dotenv does in silence: the last of two counts, a faulty line is dropped', () => {
    const { given, warnings } = readDotenv(
      'CROSSDC_LOG_LEVEL=debug\nCROSSDC_LOG_LEVEL=warn\nCROSSDC_LOG_FORMAT\n',
      '.env',
    );
    expect(given.map(({ value, place }) => [value, place.line])).to.deep.equal([['warn', 2]]);
    expect(warnings.map(remarkLine)).to.deep.equal([
      '.env:2: CROSSDC_LOG_LEVEL: is given twice, first on line 1; the last one counts',
      '.env:3: CROSSDC_LOG_FORMAT: is no NAME=value that a .env file may have, and was left out',
    ]);
  });
});
