import { stepPeerHealth } from '../../../src/core/peer-health.ts';
import {
  unknownPeer,
  type ApplicationStatus,
  type HealthConfig,
  type HealthEffect,
  type HealthEvent,
  type PeerHealth,
} from '../../../src/core/peer-state.ts';

export interface Beat {
  readonly incarnation?: number;
  /** Without it: one more than the last beat that this driver sent. */
  readonly count?: number;
  readonly intervalMs?: number;
  readonly application?: ApplicationStatus;
  readonly heardUsAgoMs?: number | null;
}

/** Feeds one peer's health with events at times that the test gives, and keeps the state between them. */
export class HealthDriver {
  readonly config: HealthConfig;
  health: PeerHealth;
  #incarnation = 1;
  #count = 0;

  constructor(config: Partial<HealthConfig> = {}, health: PeerHealth = unknownPeer(0)) {
    this.config = { intervalMs: 1000, missesAllowed: 4, beatsToRecover: 1, ...config };
    this.health = health;
  }

  step(at: number, event: HealthEvent): readonly HealthEffect[] {
    const { health, effects } = stepPeerHealth(this.health, this.config, event, at);
    this.health = health;
    return effects;
  }

  beat(at: number, beat: Beat = {}): readonly HealthEffect[] {
    const order = this.#nextOrder(beat);
    const { intervalMs = 1000, application = 'passing', heardUsAgoMs = 0 } = beat;
    return this.step(at, { kind: 'heartbeat', order, intervalMs, application, heardUsAgoMs });
  }

  leave(at: number, beat: Beat = {}): readonly HealthEffect[] {
    return this.step(at, { kind: 'orderly-shutdown', order: this.#nextOrder(beat) });
  }

  tick(at: number): readonly HealthEffect[] {
    return this.step(at, { kind: 'tick' });
  }

  answered(at: number): readonly HealthEffect[] {
    return this.step(at, { kind: 'answered' });
  }

  refused(at: number): readonly HealthEffect[] {
    return this.step(at, { kind: 'refused' });
  }

  paused(at: number, ms: number): readonly HealthEffect[] {
    return this.step(at, { kind: 'own-pause', ms });
  }

  #nextOrder(beat: Beat): { incarnation: number; heartbeatCnt: number } {
    if (beat.incarnation !== undefined && beat.incarnation !== this.#incarnation) {
      this.#incarnation = beat.incarnation;
      this.#count = 0;
    }
    this.#count = beat.count ?? this.#count + 1;
    return { incarnation: this.#incarnation, heartbeatCnt: this.#count };
  }
}

/** The changes of state among the effects, as `from -> to (reason)`. */
export function changesOf(effects: readonly HealthEffect[]): string[] {
  return effects.flatMap((effect) => {
    if (effect.kind !== 'changed') return [];
    return [`${effect.from} -> ${effect.to}${effect.reason === null ? '' : ` (${effect.reason})`}`];
  });
}

/** A peer that was heard at time 0 and is up. */
export function upPeer(config: Partial<HealthConfig> = {}, beat: Beat = {}): HealthDriver {
  const driver = new HealthDriver(config);
  driver.beat(0, beat);
  return driver;
}
