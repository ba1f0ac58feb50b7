import { expect } from 'chai';
import { PinoLog, type LogLevel } from '../../../../src/adapters/system/log.ts';
import { writeWhole } from '../../../../src/adapters/system/log-lines.ts';
import { Secret } from '../../../../src/secret.ts';
import { GatewayError } from '../../../../src/errors.ts';

function logTo(lines: string[], format: 'json' | 'pretty' = 'json', level: LogLevel = 'debug'): PinoLog {
  return new PinoLog({ level, format, write: (line) => lines.push(line) });
}

/** The one line that a log call makes, parsed. */
function logged(facts: Record<string, unknown>, sentence = 'it happened'): Record<string, unknown> {
  const lines: string[] = [];
  logTo(lines).info(facts, sentence);
  expect(lines).to.have.length(1);
  return JSON.parse(lines[0]!) as Record<string, unknown>;
}

describe('PinoLog', () => {
  it('writes one JSON object a line, with level, time, facts and sentence', () => {
    const { time, ...rest } = logged({ peer: 'dc2', missed: 4 }, 'the peer is down');
    expect(rest).to.deep.equal({ level: 'info', peer: 'dc2', missed: 4, msg: 'the peer is down' });
    expect(time).to.match(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  });

  it('writes nothing below its level', () => {
    const lines: string[] = [];
    const log = logTo(lines, 'json', 'warn');
    log.debug({}, 'a');
    log.info({}, 'b');
    log.warn({}, 'c');
    log.error({}, 'd');
    expect(lines.map((line) => (JSON.parse(line) as { level: string }).level)).to.deep.equal(['warn', 'error']);
  });

  it('tells an error with its code, its facts and everything that caused it', () => {
    const root = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    const middle = new Error('no answer', { cause: root });
    const { err } = logged({
      err: new GatewayError('internal', 'it broke', { cause: middle, facts: { peer: 'dc2' } }),
    });
    expect(err).to.deep.include({
      type: 'GatewayError',
      message: 'it broke',
      code: 'internal',
      facts: { peer: 'dc2' },
    });
    expect(err).to.have.nested.property('cause.message', 'no answer');
    expect(err).to.have.nested.property('cause.cause.code', 'ECONNREFUSED');
    expect(err).to.have.property('stack').that.includes('log.test.ts');
  });

  it('tells each error of an aggregate', () => {
    const { err } = logged({ err: new AggregateError([new Error('a'), new Error('b')], 'both failed') });
    expect(err).to.have.nested.property('errors[1].message', 'b');
  });

  it('never prints what is in a secret, however deep it lies', () => {
    const lines: string[] = [];
    const secret = new Secret('hunter2');
    logTo(lines).error({ secret, deep: { list: [secret] }, err: new Error('x', { cause: { secret } }) }, 'it happened');
    logTo(lines, 'pretty').error({ secret, deep: { list: [secret] } }, 'it happened');
    expect(lines.join('')).to.include('***').and.not.to.include('hunter2');
  });

  it('does not walk into an object that does not offer itself', () => {
    class Box {
      readonly inside = 'hunter2';
    }
    expect(logged({ box: new Box() }).box).to.equal('[Box]');
    expect(logged({ map: new Map([['a', 1]]), bytes: Buffer.alloc(3) })).to.deep.include({
      map: '[Map]',
      bytes: '[3 bytes]',
    });
  });

  it('stays on one line whatever a peer writes into a fact', () => {
    const hostile = 'a\r\n{"level":"error","msg":"forged"}\u2028\u0085\u001b[2J\u009b2J\u202e';
    for (const format of ['json', 'pretty'] as const) {
      const lines: string[] = [];
      logTo(lines, format).info({ origin: hostile, [hostile]: 1 }, hostile);
      expect(lines).to.have.length(1);
      // eslint-disable-next-line no-control-regex -- control characters are what it looks for
      expect(lines[0]).to.match(/^[^\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e]*\n$/);
    }
    expect(logged({ origin: hostile }).origin).to.equal(hostile);
  });

  it('takes no fact for one of its own fields', () => {
    const line = logged({ level: 'error', time: 'never', msg: 'forged' });
    expect(line).to.include({ level: 'info', msg: 'it happened', level_: 'error', time_: 'never', msg_: 'forged' });
  });

  it('takes no sentence for a format', () => {
    expect(logged({ a: 1 }, '100 %s done %d').msg).to.equal('100 %s done %d');
  });

  it('bounds what it writes and never throws', () => {
    const cycle: Record<string, unknown> = {};
    cycle.self = cycle;
    const line = logged({
      cycle,
      long: 'x'.repeat(100_000),
      many: Array.from({ length: 5000 }, (_, i) => i),
      big: 10n,
      not: NaN,
      fn: () => 1,
      get trap(): string {
        throw new Error('no');
      },
      bad: {
        toJSON() {
          throw new Error('no');
        },
      },
    });
    expect(JSON.stringify(line).length).to.be.lessThan(20_000);
    expect(line).to.include({ big: '10', not: 'NaN', fn: '[function]', trap: '[unreadable]', bad: '[unreadable]' });
  });

  it('writes a line for people with the same facts', () => {
    const lines: string[] = [];
    logTo(lines, 'pretty').warn({ peer: 'dc2', why: 'two words', n: 3, none: null }, 'the peer is suspect');
    expect(lines[0]).to.match(/^\S+Z WARN {2}the peer is suspect peer=dc2 why="two words" n=3 none=null\n$/);
  });
});

describe('writeWhole', () => {
  function failingWith(code: string): { writes: number; pausedMs: number; write(): number; pause(ms: number): void } {
    return {
      writes: 0,
      pausedMs: 0,
      write() {
        this.writes += 1;
        throw Object.assign(new Error(code), { code });
      },
      pause(ms) {
        this.pausedMs += ms;
      },
    };
  }

  it('goes on where a partial write ended', () => {
    let written = '';
    writeWhole(7, 'hello, world\n', {
      write: (_fd, bytes) => {
        written += Buffer.from(bytes.subarray(0, 5)).toString();
        return Math.min(5, bytes.length);
      },
      pause: () => undefined,
    });
    expect(written).to.equal('hello, world\n');
  });

  it('tries again when the pipe is full, but not for longer than a heartbeat can wait', () => {
    const full = failingWith('EAGAIN');
    writeWhole(7, 'x', full);
    expect(full.writes).to.be.greaterThan(1);
    expect(full.pausedMs).to.be.within(100, 250);
  });

  it('gives up at once when nobody can ever read it', () => {
    const closed = failingWith('EPIPE');
    writeWhole(7, 'x', closed);
    expect(closed).to.include({ writes: 1, pausedMs: 0 });
  });
});
