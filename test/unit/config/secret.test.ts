import { format, formatWithOptions, inspect } from 'node:util';
import { Console } from 'node:console';
import { PassThrough } from 'node:stream';
import { serialize } from 'node:v8';
import { expect } from 'chai';
import fc from 'fast-check';
import { pino } from 'pino';
import { PinoLog } from '../../../src/adapters/system/log.ts';
import { GatewayError } from '../../../src/errors.ts';
import { Secret } from '../../../src/secret.ts';
import { formsOf } from '../../support/secret-forms.ts';

/** Everything by which a program prints what it has at hand, on purpose or not. */
const WAYS: Readonly<Record<string, (secret: Secret) => string>> = {
  'a template': (secret) => `${String(secret)} ${secret as unknown as string}`,
  'a sum of texts': (secret) => 'x' + (secret as unknown as string),
  'an array made into a text': (secret) => [secret, [secret]].join(),
  'a locale': (secret) => secret.toLocaleString(),
  JSON: (secret) => JSON.stringify({ secret, list: [secret] }),
  'JSON with a replacer': (secret) => JSON.stringify({ secret }, (_, value: unknown) => value, 2),
  inspect: (secret) => inspect(secret) + inspect({ secret }, { showHidden: true, depth: null, getters: true }),
  'inspect without the custom way': (secret) =>
    inspect({ deep: { secret } }, { customInspect: false, showHidden: true, showProxy: true, depth: null }),
  'inspect of a map, a set and a proxy': (secret) =>
    inspect([new Map([[secret, secret]]), new Set([secret]), new Proxy(secret, {})], { showHidden: true, depth: null }),
  'inspect of a class that has one': (secret) =>
    inspect(
      new (class {
        readonly secret = secret;
      })(),
      { showHidden: true, depth: null },
    ),
  'a format': (secret) => format('%s %o %O %j %d %i %f %c', ...Array<Secret>(8).fill(secret)),
  'a format with colours': (secret) => formatWithOptions({ colors: true }, '%O', { secret }),
  'its fields': (secret) =>
    JSON.stringify([
      Object.entries(secret),
      Object.values(secret),
      Object.assign({}, secret),
      Object.getOwnPropertyNames(secret),
      Object.getOwnPropertyDescriptors(secret),
      Reflect.ownKeys(secret).map(String),
    ]),
  'a copy': (secret) => copyOf(() => structuredClone({ secret })) + copyOf(() => serialize({ secret })),
  'an error': (secret) => {
    const cause = Object.assign(new Error(String(secret), { cause: secret }), { secret });
    const error = new GatewayError('internal', 'it broke', { cause, facts: { secret } });
    const all = new AggregateError([error, secret]);
    return inspect(all, { showHidden: true, depth: null }) + String(error.stack) + JSON.stringify(error);
  },
  console: (secret) => {
    const out = new PassThrough();
    const own = new Console(out, out);
    own.log(secret, { secret });
    own.error('%s %o', secret, secret);
    own.dir({ secret }, { showHidden: true, depth: null });
    own.table([{ secret }]);
    own.trace(secret);
    own.assert(false, secret as unknown as string);
    return String(out.read());
  },
  'the log': (secret) => {
    const lines: string[] = [];
    const facts = { secret, deep: [{ secret }], error: new Error('x', { cause: { secret } }) };
    for (const kind of ['json', 'pretty'] as const)
      new PinoLog({ level: 'debug', format: kind, write: (line) => lines.push(line) }).error(facts, 'it happened');
    return lines.join('');
  },
  'pino without our facts': (secret) => {
    const lines: string[] = [];
    const log = pino({}, { write: (line: string) => lines.push(line) });
    log.info({ secret, err: new Error('x', { cause: secret }) }, '%s %o %j', secret, secret, secret);
    log.info(secret);
    return lines.join('');
  },
  'an arithmetic slip': (secret) => String(Number(secret)) + String((secret as unknown as number) * 2),
  'a key of an object': (secret) => inspect({ [secret as unknown as string]: 1 }),
  'a URL and its query': (secret) =>
    `http://host/${encodeURIComponent(secret as unknown as string)}?${new URLSearchParams({ a: secret as unknown as string }).toString()}`,
};

/** As bytes or as an object, or why there is no copy. */
function copyOf(make: () => unknown): string {
  try {
    const copy = make();
    return Buffer.isBuffer(copy) ? copy.toString('latin1') : inspect(copy, { showHidden: true, depth: null });
  } catch (error) {
    return String(error);
  }
}

describe('a secret', () => {
  // Of visible characters, as tokens and keys have them, and too long to be in a stack or a time by chance.
  const values = fc.string({ minLength: 12, maxLength: 80, unit: 'grapheme-ascii' });

  for (const [name, print] of Object.entries(WAYS)) {
    it(`is not printed by ${name}, whatever it is`, () => {
      const property = fc.property(values, (value) => {
        const printed = print(new Secret(value));
        const blank = value.trim();
        if (new Set(blank).size < 6) return;
        for (const form of formsOf(value)) expect(printed.includes(form), 'the secret was printed').to.equal(false);
      });
      fc.assert(property, { numRuns: 25 });
    });
  }

  it('would be found by this test if it were printed', () => {
    const open = { reveal: () => 'hunter2-hunter2', toString: () => 'hunter2-hunter2' } as unknown as Secret;
    const found = Object.entries(WAYS).filter(([, print]) => print(open).includes('hunter2-hunter2'));
    expect(found.map(([name]) => name)).to.include.members([
      'a template',
      'a sum of texts',
      'an error',
      'a key of an object',
    ]);
  });

  it('gives its value to who asks for it by name', () => {
    const secret = new Secret('hunter2-hunter2');
    expect(secret.reveal()).to.equal('hunter2-hunter2');
    expect(String(secret)).to.equal('***');
    expect(JSON.stringify([secret])).to.equal('["***"]');
  });
});
