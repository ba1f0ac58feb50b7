import { expect } from 'chai';
import { ESLint } from 'eslint';
import { PROJECT } from '../../support/project.ts';

/** A planted text is linted in the place of a file that is there, because type-aware rules know no others. */
const CORE_FILE = 'src/core/backoff.ts';
const SERVICE_FILE = 'src/services/wake.ts';
const ADAPTER_FILE = 'src/adapters/system/clock.ts';

const IN_CORE: readonly (readonly [what: string, text: string, rule: string])[] = [
  ['the wall clock', 'export const at = (): number => Date.now();', 'no-restricted-properties'],
  ['the wall clock, by another name', 'export const at = (): Date => new Date();', 'no-restricted-syntax'],
  ['the wall clock, as a text', 'export const at = (): string => Date();', 'no-restricted-syntax'],
  ['the monotonic clock', 'export const at = (): number => performance.now();', 'no-restricted-globals'],
  ['randomness', 'export const draw = (): number => Math.random();', 'no-restricted-properties'],
  ['random ids', 'export const id = (): string => crypto.randomUUID();', 'no-restricted-globals'],
  ['the environment', 'export const home = process.env.HOME;', 'no-restricted-globals'],
  ['a timer', 'export const later = (f: () => void): unknown => setTimeout(f, 1);', 'no-restricted-globals'],
  ['an async function', 'export async function wait(): Promise<void> {}', 'no-restricted-syntax'],
  ['a way around it', 'export const world = globalThis;', 'no-restricted-globals'],
  ['the console', "export const say = (): void => console.log('x');", 'no-restricted-globals'],
];

const IN_SERVICES: readonly (readonly [what: string, text: string, rule: string])[] = [
  ['the wall clock', 'export const at = (): number => Date.now();', 'no-restricted-properties'],
  ['a timer', 'export const later = (f: () => void): unknown => setTimeout(f, 1);', 'no-restricted-globals'],
  ['randomness', 'export const draw = (): number => Math.random();', 'no-restricted-properties'],
  ['the process', 'export const id = (): number => process.pid;', 'no-restricted-globals'],
];

const EVERYWHERE: readonly (readonly [what: string, text: string, rule: string])[] = [
  ['a default export', 'export default 1;', 'no-restricted-syntax'],
  ['a barrel', "export * from './log.ts';", 'no-restricted-syntax'],
  ['an enum', 'export enum Colour { Red }', 'no-restricted-syntax'],
  ['setInterval', 'export const tick = (f: () => void): unknown => setInterval(f, 1);', 'no-restricted-syntax'],
  ['any', 'export const value = (text: string): any => text;', '@typescript-eslint/no-explicit-any'],
  ['an ignored type error', '// @ts-ignore\nexport const a = 1;', '@typescript-eslint/ban-ts-comment'],
  [
    'a floating promise',
    'export const go = (p: Promise<void>): void => { p; };',
    '@typescript-eslint/no-floating-promises',
  ],
  [
    'a switch that forgets a case',
    "export function f(x: 'a' | 'b'): number { switch (x) { case 'a': return 1; } return 2; }",
    '@typescript-eslint/switch-exhaustiveness-check',
  ],
  ['five parameters', 'export const f = (a: 1, b: 1, c: 1, d: 1, e: 1): number => a + b + c + d + e;', 'max-params'],
  ['a note for later', '// TODO: mend this\nexport const a = 1;', 'no-warning-comments'],
  ['a needless exception', '// eslint-disable-next-line max-params\nexport const a = 1;', 'unused directive'],
];

describe('the rules of the linter', function () {
  this.timeout(120_000);
  let eslint: ESLint;

  before(() => (eslint = new ESLint({ cwd: PROJECT })));

  async function findings(text: string, filePath: string): Promise<string[]> {
    const [result] = await eslint.lintText(`${text}\n`, { filePath });
    // What the linter finds wrong with its own comments bears no rule's name.
    return result!.messages.map(
      ({ ruleId, message }) => ruleId ?? (message.includes('nused') ? 'unused directive' : message),
    );
  }

  for (const [what, text, rule] of IN_CORE) {
    it(`keep ${what} out of the core`, async () => expect(await findings(text, CORE_FILE)).to.include(rule));
  }

  for (const [what, text, rule] of IN_SERVICES) {
    it(`keep ${what} out of the services`, async () => expect(await findings(text, SERVICE_FILE)).to.include(rule));
  }

  for (const [what, text, rule] of EVERYWHERE) {
    it(`keep ${what} out of the program`, async () => expect(await findings(text, ADAPTER_FILE)).to.include(rule));
  }

  for (const [what, text, rule] of EVERYWHERE.filter(([, , rule]) => rule === 'no-restricted-syntax')) {
    it(`keep ${what} out of the core too, whose own list replaces the common one`, async () =>
      expect(await findings(text, CORE_FILE)).to.include(rule));
  }

  it('have nothing against a pure function', async () => {
    const text = 'export function twice(value: number): number {\n  return 2 * value;\n}';
    for (const file of [CORE_FILE, SERVICE_FILE, ADAPTER_FILE]) expect(await findings(text, file)).to.deep.equal([]);
  });
});
