import { randomBytes } from 'node:crypto';
import { formsOf } from './secret-forms.ts';
import { ToldSecrets, toldSecrets } from './told-secrets.ts';

/** A gateway that ran was heard at least with its log, an answer's headers, and some of the files in its folder. */
const TEXTS_PER_GATEWAY_MIN = 5;

/**
 * What holds for every file of tests. mocha calls this once in each of its processes and runs `afterAll` after the last
 * test of a file; with `--no-config` it does not, and `useStage` looks after the gateways of its tests alone.
 */
export const mochaHooks = {
  /**
   * Real processes on a busy machine are late now and then, each time somewhere else. Such a test is run once more, and the
   * report names it with what went wrong: one that is named again and again is to be mended.
   */
  beforeEach(this: Mocha.Context): void {
    const test = this.currentTest;
    if (test?.file?.includes('/test/system/') === true) test.retries(1);
  },
  afterAll(): void {
    toldSecrets.settle();
    assertSearched();
    assertPlantedIsFound();
  },
};

/** A search that nobody feeds finds nothing either. */
function assertSearched(): void {
  const { texts, gateways } = toldSecrets.counts;
  if (texts < gateways * TEXTS_PER_GATEWAY_MIN) {
    throw new Error(`only ${texts} texts of ${gateways} gateways were searched for their secrets`);
  }
}

/** The test of the test: a secret that was told is found, in every form. */
function assertPlantedIsFound(): void {
  const value = `${randomBytes(16).toString('base64')}"/ ?`;
  for (const form of formsOf(value)) {
    const told = new ToldSecrets();
    told.register([{ kind: 'planted', value }]);
    told.hear('a text', `before ${form} behind`);
    told.hear('another text', 'before *** behind');
    const found = told.takeFindings();
    if (found.join() !== 'a text has the secret of planted') {
      throw new Error(`the search for secrets does not work: it found ${JSON.stringify(found)}`);
    }
  }
}
