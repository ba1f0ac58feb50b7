import { expect } from 'chai';
import { OPTION_KEYS } from '../../../src/config/options.ts';
import { crossdc } from './memory-io.ts';

describe('the program', () => {
  it('prints its help on stdout when it is asked for, on stderr when nothing is', async () => {
    const asked = await crossdc(['--help']);
    expect(asked).to.include({ status: 0, err: '' });
    for (const word of [
      'run',
      'check-config',
      'status',
      'events',
      'snapshots',
      'ownership',
      'failover',
      'ack',
      'deliver',
      'return',
      'shutdown',
      'keys',
      'demo',
      'CROSSDC_URL',
    ]) {
      expect(asked.out).to.contain(word);
    }
    expect(await crossdc([])).to.deep.equal({ status: 2, out: '', err: asked.out });
    expect(await crossdc(['help'])).to.deep.equal(asked);
  });

  for (const command of [
    'run',
    'check-config',
    'status',
    'events',
    'snapshots',
    'ownership',
    'failover',
    'ack',
    'deliver',
    'return',
    'shutdown',
    'demo',
    'snapshots list',
    'snapshots get',
    'snapshots put',
    'snapshots delete',
    'snapshots request',
    'keys',
    'keys generate',
    'keys rotate',
    'keys ca',
    'keys ca init',
    'keys ca issue',
    'keys inspect',
  ]) {
    it(`has help for ${command}, whatever else stands on the line`, async () => {
      const { status, out, err } = await crossdc([...command.split(' '), '--help']);
      expect({ status, err }).to.deep.equal({ status: 0, err: '' });
      expect(out).to.match(new RegExp(`^crossdc ${command}`));
      if (!['snapshots', 'keys', 'keys ca'].includes(command))
        expect((await crossdc([...command.split(' '), '--nonsense', '-h'])).out).to.equal(out);
    });
  }

  it('lists every key in the help of run', async () => {
    const { out } = await crossdc(['run', '--help']);
    for (const key of OPTION_KEYS) {
      expect(out.split('\n').filter((line) => line.startsWith(`  ${key} (`))).to.have.length(1);
    }
    expect(out).to.contain('CROSSDC_CROSS_DC_HTTP_PORT');
  });

  it('prints its version', async () => {
    expect((await crossdc(['--version'])).out).to.match(/^\d+\.\d+\.\d+\n$/);
  });

  for (const [argv, message] of [
    [['stauts'], 'unknown command "stauts"; did you mean "status"? (crossdc --help)'],
    [['--verson'], 'unknown option "--verson"; did you mean "--version"? (crossdc --help)'],
    [['help', 'evnts'], 'unknown command "evnts"; did you mean "events"? (crossdc --help)'],
    [['a\u001b[2Jb'], 'unknown command "a\\u{1b}[2Jb" (crossdc --help)'],
    [['snapshots'], 'snapshots needs one of list, get, put, delete, request (crossdc snapshots --help)'],
    [['keys'], 'keys needs one of generate, rotate, ca, inspect (crossdc keys --help)'],
    [['keys', 'ca', 'isue'], 'unknown command "keys ca isue"; did you mean "issue"? (crossdc keys ca --help)'],
    [['keys', 'inspect'], 'keys inspect needs FILE (crossdc keys inspect --help)'],
    [['keys', 'rotate', 'f'], 'keys rotate needs --step add, use or drop (crossdc keys rotate --help)'],
    [['keys', 'generate', 'dc1'], 'keys generate does not take "dc1" without --ed25519 (crossdc keys generate --help)'],
    [
      ['keys', 'ca', 'issue', '../dc1'],
      '"../dc1" is no name of a data centre: 1 to 64 of A-Z a-z 0-9 . _ -, beginning with a letter or digit',
    ],
    [['keys', 'ca', 'init', '--days', '0'], '--days takes a whole number from 1 to 36500, not "0"'],
    [['snapshots', 'lst'], 'unknown command "snapshots lst"; did you mean "list"? (crossdc snapshots --help)'],
    [['snapshots', 'constructor'], 'unknown command "snapshots constructor" (crossdc snapshots --help)'],
    [['status', 'dc2'], 'status does not take "dc2" (crossdc status --help)'],
    [
      ['status', '--token', 'x'],
      'status: unknown option --token; did you mean "--token-file"? (crossdc status --help)',
    ],
    [
      ['status', '--url', '127.0.0.1:1'],
      '--url: "127.0.0.1:1" is no URL of the form http://127.0.0.1:25090 or unix:PATH',
    ],
    [
      ['status', '--url', 'http://me:secret@x'],
      '--url: give the token by CROSSDC_TOKEN or --token-file, not in the URL',
    ],
    [['deliver'], 'deliver needs PEER (crossdc deliver --help)'],
    [['return', '..'], 'PEER may not be ".."'],
    [['run'], 'run needs --config FILE; etc/dc1.conf is one to begin with (crossdc run --help)'],
    [['run', '--config', 'x', '--set', 'secret'], 'run: --set takes KEY=VALUE'],
    [
      ['check-config', '--set', 'a=b'],
      'check-config needs --config FILE; etc/dc1.conf is one to begin with (crossdc check-config --help)',
    ],
    [['snapshots', 'put', 'o', '--timeout', '3'], '--timeout goes with --wait'],
    [
      ['snapshots', 'put', 'o', '--label', 'novalue'],
      '--label takes NAME=VALUE, the name of letters, digits, ".", "_" and "-"; not "novalue"',
    ],
    [['snapshots', 'put', 'o', '--label', 'a=1', '--label', 'A=2'], '--label A was given twice'],
    [['failover', 'dc2'], 'failover needs --to DC (crossdc failover --help)'],
    [['failover', '--to', 'dc1'], 'failover needs WORKLOAD (crossdc failover --help)'],
    [['failover', 'dc2', '--to', 'dc1', '--accept-data-loss'], '--accept-data-loss goes with --force'],
    [['failover', 'dc2', '--to', 'dc1', '--if-epoch', '0'], '--if-epoch takes a positive integer, not "0"'],
    [['failover', 'dc2', '--to', 'dc1', '--no-wait', '--timeout', '3'], '--timeout does not go with --no-wait'],
    [['failover', '..', '--to', 'dc1'], 'WORKLOAD may not be ".."'],
    [['ack'], 'ack needs WORKLOAD (crossdc ack --help)'],
    [['verify', '..'], 'PEER may not be ".."'],
    [['history', '--limit', '0'], '--limit takes a number of at least 1, not "0"'],
  ] as const) {
    it(`refuses "${JSON.stringify(argv.join(' ')).slice(1, -1)}" in one line, with status 2`, async () => {
      expect(await crossdc(argv)).to.deep.equal({ status: 2, out: '', err: `crossdc: ${message}\n` });
    });
  }
});
