import { stepPeerHealth } from '../../src/core/peer-health.ts';
import {
  rememberedPeer,
  unknownPeer,
  type HealthConfig,
  type HealthEffect,
  type HealthEvent,
  type PeerHealth,
} from '../../src/core/peer-state.ts';
import { hearsUs } from '../../src/core/silence.ts';

/**
 * Runs a `.scenario` file: what one gateway believes of one peer, line by line. README.md beside the files has the
 * language. Every line says what must follow from it; a line that says nothing must have no consequence but misses.
 */
export function runHealthScript(text: string): void {
  const run = new Run();
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.replace(/(^|\s)#.*$/, '').trim();
    if (line === '') continue;
    try {
      run.line(line);
    } catch (error) {
      throw new Error(`line ${index + 1}: ${raw.trim()}\n${error instanceof Error ? error.message : String(error)}`, {
        cause: error,
      });
    }
  }
}

class Run {
  #config: HealthConfig = { intervalMs: 1000, missesAllowed: 4, beatsToRecover: 1 };
  #health: PeerHealth = unknownPeer(0);
  #now = 0;

  line(line: string): void {
    const [command = '', ...words] = line.split(/\s+/);
    switch (command) {
      case 'config':
        this.#configure(optionsOf(words));
        return;
      case 'restart':
        this.#restart(words);
        return;
      case 'at':
        this.#at(words);
        return;
      case 'every':
        this.#every(words);
        return;
      case 'show':
        this.#show(optionsOf(words));
        return;
      default:
        throw new Error(`"${command}" is no command`);
    }
  }

  #configure(options: Map<string, string>): void {
    this.#config = {
      intervalMs: msOf(take(options, 'interval') ?? '1s'),
      missesAllowed: numberOf(take(options, 'misses') ?? '4'),
      beatsToRecover: numberOf(take(options, 'recover') ?? '1'),
      machines: numberOf(take(options, 'machines') ?? '1'),
    };
    nothingLeft(options);
  }

  /** restart TIME [holding] [forgotten]: our own restart; what was known goes through the record, as it does in the gateway. */
  #restart(words: readonly string[]): void {
    const [time = '', ...flags] = words;
    this.#now = msOf(time);
    for (const flag of flags)
      if (flag !== 'holding' && flag !== 'forgotten') throw new Error(`"${flag}" is no word of restart`);
    const { state, reason, order, announcedMs } = this.#health;
    const remembered = flags.includes('forgotten') ? null : { state, reason, order, announcedMs };
    this.#health = rememberedPeer(remembered, flags.includes('holding'), this.#now);
  }

  /** at TIME EVENT… [-> OUTCOME, OUTCOME] */
  #at(words: readonly string[]): void {
    const arrow = words.indexOf('->');
    const [time = '', ...event] = arrow < 0 ? words : words.slice(0, arrow);
    const wanted =
      arrow < 0
        ? []
        : words
            .slice(arrow + 1)
            .join(' ')
            .split(/\s*,\s*/);
    this.#feed(
      msOf(time),
      event,
      wanted.filter((outcome) => outcome !== 'nothing'),
    );
  }

  /** every STEP from TIME to TIME EVENT…: again and again, and nothing may follow. A count `INC/+` goes up by itself. */
  #every(words: readonly string[]): void {
    const [step = '', from, first = '', to, last = '', ...event] = words;
    if (from !== 'from' || to !== 'to') throw new Error('every STEP from TIME to TIME EVENT');
    for (let at = msOf(first); at <= msOf(last); at += msOf(step)) this.#feed(at, event, []);
  }

  #feed(at: number, words: readonly string[], wanted: readonly string[]): void {
    if (at < this.#now) throw new Error(`time goes back from ${this.#now} to ${at}`);
    this.#now = at;
    const step = stepPeerHealth(this.#health, this.#config, this.#eventOf(words), at);
    this.#health = step.health;
    const hasMisses = wanted.some((outcome) => outcome.startsWith('miss '));
    const said = step.effects.map(describe).filter((outcome) => hasMisses || !outcome.startsWith('miss '));
    if (said.join(', ') !== wanted.join(', ')) {
      throw new Error(
        `at ${at} ms: expected "${wanted.join(', ') || 'nothing'}", got "${said.join(', ') || 'nothing'}"`,
      );
    }
  }

  #eventOf(words: readonly string[]): HealthEvent {
    const [kind = '', ...rest] = words;
    switch (kind) {
      case 'heartbeat': {
        const [order = '', ...options] = rest;
        return this.#heartbeatOf(order, optionsOf(options));
      }
      case 'shutdown':
        return { kind: 'orderly-shutdown', order: this.#orderOf(rest[0] ?? '') };
      case 'pause':
        return { kind: 'own-pause', ms: msOf(rest[0] ?? '') };
      case 'answered':
      case 'refused':
      case 'tick':
        return { kind };
      default:
        throw new Error(`"${kind}" is no event`);
    }
  }

  #heartbeatOf(order: string, options: Map<string, string>): HealthEvent {
    const heard = take(options, 'heard') ?? '0';
    const application = take(options, 'application') ?? 'passing';
    if (application !== 'passing' && application !== 'critical' && application !== 'unknown')
      throw new Error(`application=${application}`);
    const intervalMs = msOf(take(options, 'interval') ?? '1s');
    nothingLeft(options);
    return {
      kind: 'heartbeat',
      order: this.#orderOf(order),
      intervalMs,
      application,
      heardUsAgoMs: heard === 'never' ? null : msOf(heard),
    };
  }

  #orderOf(text: string): { incarnation: number; heartbeatCnt: number } {
    const [incarnation = '', count = ''] = text.split('/');
    const next = (this.#health.order?.heartbeatCnt ?? 0) + 1;
    return { incarnation: numberOf(incarnation), heartbeatCnt: count === '+' ? next : numberOf(count) };
  }

  #show(options: Map<string, string>): void {
    const at = msOf(take(options, 'at') ?? String(this.#now));
    const hears = hearsUs(this.#health, this.#config, at);
    const facts: Record<string, string> = {
      state: this.#health.state,
      reason: this.#health.reason ?? 'none',
      missed: String(this.#health.missed),
      hearsUs: hears === null ? 'unknown' : hears ? 'yes' : 'no',
    };
    for (const [name, wanted] of options) {
      if (facts[name] === undefined) throw new Error(`"${name}" cannot be shown`);
      if (facts[name] !== wanted) throw new Error(`${name} is ${facts[name]}`);
    }
  }
}

function describe(effect: HealthEffect): string {
  switch (effect.kind) {
    case 'missed':
      return `miss ${effect.missed}`;
    case 'changed':
      return effect.reason === null ? effect.to : `${effect.to} ${effect.reason}`;
    case 'stale':
    case 'refusal-ended':
      return effect.kind;
  }
}

function optionsOf(words: readonly string[]): Map<string, string> {
  return new Map(
    words.map((word) => {
      const [name = '', value] = word.split('=');
      if (value === undefined) throw new Error(`"${word}" is no name=value`);
      return [name, value];
    }),
  );
}

function take(options: Map<string, string>, name: string): string | undefined {
  const value = options.get(name);
  options.delete(name);
  return value;
}

function nothingLeft(options: ReadonlyMap<string, string>): void {
  if (options.size > 0) throw new Error(`unknown: ${[...options.keys()].join(', ')}`);
}

const UNIT_MS: Readonly<Record<string, number>> = { '': 1, ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

function msOf(text: string): number {
  if (text === 'off') return Infinity;
  const [, amount = '', unit = ''] = /^([0-9.]+)([a-z]*)$/.exec(text) ?? [];
  const factor = UNIT_MS[unit];
  if (amount === '' || factor === undefined) throw new Error(`"${text}" is no time`);
  return Number(amount) * factor;
}

function numberOf(text: string): number {
  if (!/^[0-9]+$/.test(text)) throw new Error(`"${text}" is no number`);
  return Number(text);
}
