import { readFileSync, readdirSync } from 'node:fs';
import { expect } from 'chai';
import { runHealthScript } from './health-script.ts';

const FOLDER = new URL('./health/', import.meta.url);

describe('scenarios of peer health', () => {
  for (const file of readdirSync(FOLDER).filter((name) => name.endsWith('.scenario'))) {
    const text = readFileSync(new URL(file, FOLDER), 'utf8');
    const [title = file] = text.split('\n');
    it(title.replace(/^#\s*/, ''), () => runHealthScript(text));
  }
});

describe('the runner of scenarios', () => {
  const refused: [name: string, script: string, problem: RegExp][] = [
    [
      'an outcome that did not come',
      'at 0 heartbeat 1/1 -> down silence',
      /line 1[^]*expected "down silence", got "up"/,
    ],
    ['a consequence that nobody named', 'at 0 heartbeat 1/1', /expected "nothing", got "up"/],
    ['a miss that did not come', 'at 0 heartbeat 1/1 -> up\nat 1s tick -> miss 1', /line 2/],
    ['a wrong show', 'show state=up', /state is unknown/],
    ['a time that goes back', 'at 5 tick\nat 4 tick', /goes back/],
    ['an unknown command', 'hurry', /no command/],
    ['an unknown event', 'at 0 sneeze', /no event/],
    ['an unknown option', 'at 0 heartbeat 1/1 colour=red -> up', /colour/],
    ['a time without a known unit', 'at 5y tick', /no time/],
  ];
  for (const [name, script, problem] of refused) {
    it(`refuses ${name}`, () => expect(() => runHealthScript(script)).to.throw(problem));
  }
});
