import { expect } from 'chai';
import { configOf, loadText, problemsOf, type Extra } from './load-text.ts';

const APP = '/etc/crossdc/app.conf';
const app = (text: string, extra: Extra = {}): Extra => ({ appConfigFile: APP, files: { [APP]: text }, ...extra });
const of = (prefix: string, name: string): string =>
  `${prefix}_localDataCenterName=${name}\n${prefix}_remoteDataCenterApplicationMachineNames=127.0.0.1:25191\n`;
const TWO = of('com.acme.test::MyTest1', 'one') + of('com.acme.test::MyTest2', 'two');

describe('an app-config file', () => {
  it('needs no applicationName when it has one application only', () => {
    expect(configOf('', app(of('com.acme.test::MyTest1', 'one')))).to.include({
      dataCenter: 'one',
      applicationName: 'default',
    });
  });

  for (const [name, dataCenter] of [
    ['com.acme.test::MyTest2', 'two'],
    ['MyTest2', 'two'],
    ['MyTest1', 'one'],
  ] as const) {
    it(`is read for ${name} when applicationName says so`, () => {
      expect(configOf(`applicationName=${name}\n`, app(TWO))).to.include({ dataCenter, applicationName: name });
    });
  }

  it('is selected by an applicationName from any stronger source, the strongest first', () => {
    const environment = { CROSSDC_APPLICATION_NAME: 'MyTest1' };
    expect(configOf('applicationName=x\n', app(TWO, { environment })).dataCenter).to.equal('one');
    expect(configOf('', app(TWO, { environment, set: ['applicationName=MyTest2'] })).dataCenter).to.equal('two');
  });

  it('takes underscores in namespace, composite and the name of a peer', () => {
    const text =
      'my_ns::My_App_localDataCenterName=a\nmy_ns::My_App_remoteDataCenterApplicationMachineNames.dc_3=127.0.0.1:1\n';
    expect(configOf('', app(text)).peers).to.deep.equal([{ name: 'dc_3', machines: ['127.0.0.1:1'] }]);
  });

  it('takes a composite without a namespace', () => {
    expect(configOf('', app(of('MyTest1', 'one'))).dataCenter).to.equal('one');
  });

  it('lists the candidates when several applications could be meant', () => {
    expect(problemsOf('', app(TWO))).to.deep.equal([
      `${APP}: applicationName: must say which application of this file is meant; right are "com.acme.test::MyTest1", "com.acme.test::MyTest2"`,
    ]);
    const twins = of('a::Main', 'one') + of('b::Main', 'two') + of('c::Other', 'three');
    expect(problemsOf('applicationName=Main\n', app(twins))).to.deep.equal([
      `${APP}: applicationName: "Main" is the name of several applications in this file; right are "a::Main", "b::Main"`,
    ]);
  });

  it('is refused when it has nothing of the application that is named', () => {
    expect(problemsOf('applicationName=MyTest3\n', app(of('a::Main', 'one')))).to.deep.equal([
      `${APP}: applicationName: "MyTest3" has no key in this file; right are "a::Main"`,
    ]);
  });

  it('is not looked at where it is about other applications', () => {
    const other = 'com.acme.test::MyTest2_nonsense=1\ncom.acme.test::MyTest2_nonsense=2\n';
    expect(configOf('applicationName=MyTest1\n', app(TWO + other)).dataCenter).to.equal('one');
  });

  it('has its problems reported with its own lines and keys', () => {
    const text = `${of('a::Main', 'one')}a::Main_logLevel=loud\nlogFormat=json\na::Main_logFromat=json\na::Main_localDataCenterName=x\nwhat\n`;
    const loaded = loadText('', app(text));
    expect(loaded.ok ? [] : loaded.problems).to.deep.equal([
      `${APP}:3: a::Main_logLevel: must be debug, info, warn or error; it is "loud"`,
      `${APP}:4: logFormat: has no prefix; a key here is namespace::MainComposite_key`,
      `${APP}:5: a::Main_logFromat: is no key of this program; did you mean logFormat?`,
      `${APP}:6: a::Main_localDataCenterName: is given twice, first on line 1; keep one of the two`,
      `${APP}:7: is no key=value; a comment begins with #`,
    ]);
  });

  it('may be empty', () => {
    expect(problemsOf('', app('# nothing\n'))).to.have.length(2);
  });
});
