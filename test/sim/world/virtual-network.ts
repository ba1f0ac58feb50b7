import type { PeerInbox } from '../../../src/ports/peer-inbox.ts';
import type { Life } from './life.ts';
import { perfectLink, type Link } from './link.ts';
import type { SeededRandom } from './random.ts';
import type { Timeline } from './timeline.ts';

export interface Listener {
  readonly life: Life;
  readonly inbox: PeerInbox;
}

/** The machines, who listens on them, and the lines between them. An address is `machine:port`. */
export class VirtualNetwork {
  readonly timeline: Timeline;
  readonly random: SeededRandom;
  readonly #listeners = new Map<string, Listener>();
  readonly #links = new Map<string, Link>();
  /** Machines without power: nothing on them refuses a connection, it just does not answer. */
  readonly dark = new Set<string>();
  /** Grows with every change that is made through this object: whoever looks later can tell that nothing came between. */
  changes = 0;
  /** What a listener threw that no listener may throw. */
  readonly defects: string[] = [];

  constructor(timeline: Timeline, random: SeededRandom) {
    this.timeline = timeline;
    this.random = random;
  }

  /** Listens until the process ends. */
  listen(address: string, listener: Listener): void {
    this.#listeners.set(address, listener);
    listener.life.onEnd(() => {
      if (this.#listeners.get(address) === listener) this.#listeners.delete(address);
    });
  }

  close(address: string): void {
    this.#listeners.delete(address);
  }

  listenerAt(address: string): Listener | undefined {
    return this.#listeners.get(address);
  }

  /** The line from one machine to another; each direction is its own. */
  link(from: string, to: string): Link {
    const name = `${from}>${to}`;
    const known = this.#links.get(name);
    if (known !== undefined) return known;
    const fresh = perfectLink();
    this.#links.set(name, fresh);
    return fresh;
  }

  /** Changes one direction of a line. */
  change(from: string, to: string, change: Partial<Link>): void {
    this.changes += 1;
    Object.assign(this.link(from, to), change);
  }

  /** Changes both directions of a line. */
  between(a: string, b: string, change: Partial<Link>): void {
    this.change(a, b, change);
    this.change(b, a, change);
  }

  cut(a: string, b: string): void {
    this.between(a, b, { isCut: true });
  }

  /** Makes a line as good as new in both directions. */
  heal(a: string, b: string): void {
    this.between(a, b, perfectLink());
  }
}

export function machineOf(address: string): string {
  return address.slice(0, address.lastIndexOf(':'));
}
