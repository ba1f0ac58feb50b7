import { expect } from 'chai';
import { databaseServer } from '../../support/postgres-server.ts';
import { describeWithTool, findTool } from '../../support/tools.ts';
import { allDocuments, blocksOf, needsDatabase, stepsOf, type Step } from './document.ts';
import { isShown } from './expected.ts';
import { Shell } from './shell.ts';

/** Commands that are shown and not run here, each with the reason. */
const NOT_RUN: ReadonlyMap<string, string> = new Map([
  ['npm ci && npx crossdc demo', 'installs afresh; test/system runs the demo, and .ci/run the installation'],
  ['npm ci && npm test', 'is what .ci/run runs; it would run itself here'],
]);
/** Blocks that show something that is no command. A fence of another name would be a way round this test. */
const SHOWN = ['text', 'json', 'conf', 'http', 'js', 'python', 'sql', 'yaml'];

describeWithTool('curl', 'the commands of the documents', () => {
  for (const { path, text } of allDocuments()) {
    const steps = stepsOf(text).filter(({ commands }) => !NOT_RUN.has(commands));
    if (steps.length === 0) continue;
    it(`${path}: all ${steps.length} steps run and print what is shown`, async function () {
      this.timeout(120_000);
      const database = needsDatabase(text) ? await (await databaseServer()).createDatabase() : null;
      await runInOrder(steps, database === null ? {} : { DATABASE_URL: database.url });
      await database?.drop();
    });
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

/** One shell for the whole document; the first block that fails ends it, because those after it build on it. */
async function runInOrder(steps: readonly Step[], environment: Readonly<Record<string, string>>): Promise<void> {
  const shell = await Shell.open(environment);
  try {
    for (const step of steps) {
      if (step.needs !== null && findTool(step.needs) === null) {
        console.log(`      line ${step.line} did not run: ${step.needs} is not installed`);
        continue;
      }
      const { output, isDone } = await shell.run(step.commands);
      if (!isDone)
        expect.fail(`line ${step.line}: a command failed or did not end:\n${step.commands}\n\nThe output:\n${output}`);
      const { expected } = step;
      if (expected !== null && !isShown(expected, output))
        expect.fail(`line ${expected.line}: this is not printed:\n${expected.text}\n\nbut this:\n${output}`);
    }
  } finally {
    await shell.close();
  }
}
