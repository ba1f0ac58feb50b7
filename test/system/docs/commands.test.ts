import { expect } from 'chai';
import { describeWithTool, findTool } from '../../support/tools.ts';
import { allDocuments, blocksOf, stepsOf, type Step } from './document.ts';
import { isShown } from './expected.ts';
import { Shell } from './shell.ts';

/** Commands that are shown and not run here, each with the reason. */
const NOT_RUN: ReadonlyMap<string, string> = new Map([
  ['npm ci && npx crossdc demo', 'installs afresh; test/system runs the demo, and .ci/run the installation'],
  ['npm ci && npm test', 'is what .ci/run runs; it would run itself here'],
]);
/** Blocks that show something that is no command. A fence of another name would be a way round this test. */
const SHOWN = ['text', 'json', 'conf', 'http', 'js', 'python', 'yaml'];

describeWithTool('curl', 'the commands of the documents', () => {
  for (const { path, text } of allDocuments()) {
    const steps = stepsOf(text).filter(({ commands }) => !NOT_RUN.has(commands));
    if (steps.length > 0) describe(path, () => runInOrder(steps));
  }

  it('are all in blocks that are run, or the exceptions are there', () => {
    const blocks = allDocuments().flatMap(({ path, text }) => blocksOf(text).map((block) => ({ path, ...block })));
    for (const { path, language, line, text } of blocks) {
      expect(['sh', ...SHOWN], `${path}, line ${line}`).to.include(language);
      if (language !== 'sh') expect(text, `${path}, line ${line}`).not.to.match(/^(\$ |npx |npm |curl |crossdc )/m);
    }
    for (const command of NOT_RUN.keys()) expect(blocks.map(({ text }) => text)).to.include(command);
  });
});

function runInOrder(steps: readonly Step[]): void {
  let shell: Shell;
  let hasFailed = false;

  before(async () => {
    shell = await Shell.open();
  });
  after(() => shell.close());

  for (const step of steps) {
    it(titleOf(step), async function () {
      this.timeout(30_000);
      expect(hasFailed, 'a block before this one failed').to.equal(false);
      if (step.needs !== null && findTool(step.needs) === null) {
        console.log(`        did not run: ${step.needs} is not installed`);
        return;
      }
      const { output, isDone } = await shell.run(step.commands);
      hasFailed = !isDone;
      expect(isDone, `a command failed, or did not end. The output:\n${output}`).to.equal(true);
      const { expected } = step;
      if (expected === null) return;
      hasFailed = !isShown(expected, output);
      expect(hasFailed, `this is not printed:\n${expected.text}\n\nbut this:\n${output}`).to.equal(false);
    });
  }
}

function titleOf({ line, commands, isHidden }: Step): string {
  const [first = ''] = commands.trim().split('\n');
  return `line ${line}: ${isHidden ? '(not shown) ' : ''}${first.slice(0, 100)}`;
}
