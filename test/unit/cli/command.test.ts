import { expect } from 'chai';
import { parseCommandLine, parseSeconds } from '../../../src/cli/command.ts';
import { didYouMean } from '../../../src/cli/did-you-mean.ts';
import { CliError } from '../../../src/cli/exit-status.ts';

const GRAMMAR = {
  name: 'snapshots put',
  options: { position: { type: 'string' }, label: { type: 'string', multiple: true }, wait: { type: 'boolean' } },
  positionals: ['ORIGIN', '[FILE]'],
} as const;

function refusal(...argv: string[]): string {
  try {
    parseCommandLine(GRAMMAR, argv);
  } catch (error) {
    if (error instanceof CliError && error.status === 2) return error.message;
    throw error;
  }
  throw new Error('it was accepted');
}

describe('a command line', () => {
  it('is taken apart into options and arguments', () => {
    const { values, positionals } = parseCommandLine(GRAMMAR, ['--label', 'a=1', 'o', '--label=b=2', '--wait', '-']);
    expect({ ...values }).to.deep.equal({ label: ['a=1', 'b=2'], wait: true });
    expect(positionals).to.deep.equal(['o', '-']);
  });

  it('may have an argument that looks like an option after --', () => {
    expect(parseCommandLine(GRAMMAR, ['--', '--wait']).positionals).to.deep.equal(['--wait']);
  });

  it('with an unknown option is refused with the nearest known one and the way to the help', () => {
    expect(refusal('o', '--posiiton=1')).to.equal(
      'snapshots put: unknown option --posiiton; did you mean "--position"? (crossdc snapshots put --help)',
    );
  });

  it('with an unknown option of one dash is told how a name that begins so is given', () => {
    expect(refusal('-orders')).to.equal(
      'snapshots put: unknown option -o; a name that begins with - goes behind -- (crossdc snapshots put --help)',
    );
  });

  it('with an option given twice that is taken once is refused', () => {
    expect(refusal('o', '--position', '1', '--position', '2')).to.contain('--position was given twice');
  });

  it('without a needed argument is refused by the name of that', () => {
    expect(refusal()).to.equal('snapshots put needs ORIGIN (crossdc snapshots put --help)');
  });

  it('with an argument too many is refused', () => {
    expect(refusal('o', 'f', 'surplus')).to.contain('does not take "surplus"');
  });

  it('with an option that lacks its value, or has one that it cannot have, is refused on one line', () => {
    for (const argv of [
      ['o', '--position'],
      ['o', '--wait=yes'],
      ['o', '--position', '--wait'],
    ]) {
      expect(refusal(...argv)).to.match(/^snapshots put: .*--(position|wait).*\(crossdc snapshots put --help\)$/);
    }
  });

  it('with an option whose value begins with - is told how that is written', () => {
    expect(refusal('o', '--position', '--wait')).to.equal(
      'snapshots put: --position needs a value, and what follows it begins with -; if that is the value, write ' +
        '--position=VALUE (crossdc snapshots put --help)',
    );
  });

  it('takes a negative number for the value of the option before it, so that its own check says what is wrong', () => {
    const { values, positionals } = parseCommandLine(GRAMMAR, ['--position', '-3', '--label', '-0.5', 'o', '--', '-7']);
    expect({ ...values }).to.deep.equal({ position: '-3', label: ['-0.5'] });
    expect(positionals).to.deep.equal(['o', '-7']);
    expect(parseCommandLine(GRAMMAR, ['--', '--position', '-3']).positionals).to.deep.equal(['--position', '-3']);
    expect(refusal('o', '--wait', '-3')).to.contain('unknown option -3');
    expect(() => parseSeconds('timeout', '-3')).to.throw(
      '--timeout takes a number of seconds greater than 0, not "-3"',
    );
  });

  it('takes seconds that are a positive number, and nothing else', () => {
    expect(parseSeconds('timeout', '2.5')).to.equal(2.5);
    expect(parseSeconds('timeout', undefined)).to.equal(undefined);
    for (const text of ['0', '-1', '1e3', 'soon', '', '1.', '99999999', 'Infinity']) {
      expect(() => parseSeconds('timeout', text), text).to.throw(CliError, '--timeout takes a number of seconds');
    }
  });
});

describe('a mistyped word', () => {
  const known = ['status', 'snapshots', 'shutdown', 'events'];
  for (const [word, meant] of [
    ['stauts', 'status'],
    ['snap', 'snapshots'],
    ['EVENTS', 'events'],
  ] as const) {
    it(`"${word}" is answered with "${meant}"`, () => {
      expect(didYouMean(word, known)).to.equal(`; did you mean "${meant}"?`);
    });
  }

  it('that is like nothing, or like several, is answered with nothing', () => {
    expect(didYouMean('quaternion', known)).to.equal('');
    expect(didYouMean('s', known)).to.equal('');
  });
});
