import { expect } from 'chai';
import { stepsOf } from './document.ts';
import { isShown } from './expected.ts';
import { Shell } from './shell.ts';

const FENCE = '```';
const page = `
# A page
<!-- test: run A=1 -->
${FENCE}sh
echo "$A"
${FENCE}
prints
${FENCE}text
1
${FENCE}
<!-- test: needs=python3 -->
${FENCE}sh
echo 2
${FENCE}
${FENCE}conf
# <!-- test: run echo no directive -->
key=value
${FENCE}
`;

describe('the runner of the documents', () => {
  it('takes the blocks and the directives in their order, with what they print', () => {
    const steps = stepsOf(page).map(({ commands, expected, needs, isHidden }) => [
      commands,
      expected?.text,
      needs,
      isHidden,
    ]);
    expect(steps).to.deep.equal([
      ['A=1', undefined, null, true],
      ['echo "$A"', '1', null, false],
      ['echo 2', undefined, 'python3', false],
    ]);
  });

  it('does not take a document whose last fence is open, or a fixture that is not there', () => {
    expect(() => stepsOf(`${FENCE}sh\necho 1\n`)).to.throw('line 1 is not closed');
    expect(() => stepsOf('<!-- test: fixture=none -->')).to.throw('no fixture none');
  });

  it('keeps the state of the shell from block to block, and stops at a command that fails', async () => {
    const shell = await Shell.open();
    try {
      expect(await shell.run('A=1; echo http://127.0.0.1:25090 > url')).to.deep.equal({ output: '\n', isDone: true });
      expect(await shell.run('echo "$A"; cat url')).to.deep.equal({
        output: '1\nhttp://127.0.0.1:25090\n\n',
        isDone: true,
      });
      expect((await shell.run('grep -c 25090 url || echo "mapped"')).output).to.include('1');
      expect(await shell.run('echo before; false; echo after')).to.deep.include({ isDone: false, output: 'before\n' });
      expect(await shell.run('echo never')).to.deep.include({ isDone: false, output: '' });
    } finally {
      await shell.close();
    }
  });

  it('finds what is shown in what is printed, and nothing else', () => {
    const output = 'PEER  STATE   PENDING\ndc2   up            0\nother\nlast (line)\n';
    const shown = (text: string, language = 'text'): boolean => isShown({ text, language }, output);
    expect(shown('PEER STATE PENDING\ndc2 up 0')).to.equal(true);
    expect(shown('PEER  …\n…\nlast (line)')).to.equal(true);
    expect(shown('dc2 … 0\nother')).to.equal(true);
    expect(shown('dc2 down 0')).to.equal(false);
    expect(shown('PEER STATE PENDING\nother')).to.equal(false);
    expect(shown('STATE PENDING')).to.equal(false);
    expect(shown('last .line.')).to.equal(false);
  });

  it('finds JSON however it is broken into lines', () => {
    const shown = (text: string): boolean =>
      isShown({ text, language: 'json' }, '{"id":7,"list":[{"name":"a"}],"end":true}');
    expect(shown('{\n  "id": …,\n  "list": [{ "name": "a" }],\n  …\n}')).to.equal(true);
    expect(shown('{ "list": [{ "name": "b" }] }')).to.equal(false);
  });
});
