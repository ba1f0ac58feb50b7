import { messageOf, problemOf } from '../../../src/errors.ts';
import type { Failed } from '../../../src/ports/peer-transport.ts';
import { failed, type Answer } from '../../../src/adapters/peer-http/outcomes.ts';
import type { Life } from './life.ts';
import { hopMs } from './link.ts';
import type { Timer } from './timeline.ts';
import { listenWithoutBound } from './virtual-clock.ts';
import { machineOf, type Listener, type VirtualNetwork } from './virtual-network.ts';

export interface ExchangeOptions {
  readonly network: VirtualNetwork;
  readonly life: Life;
  /** The machine that we are on. */
  readonly from: string;
  /** `machine:port` */
  readonly to: string;
  readonly connectionTimeoutMs: number;
  readonly readTimeoutMs: number;
}

/**
 * One request and its answer over one connection. Both processes are free to be stopped or ended at any moment, each
 * direction of the line to be cut: then only the timeouts end it.
 */
export class Exchange {
  readonly #options: ExchangeOptions;
  /** Made when somebody asks for it: of the thousands in a run only the few that carry a snapshot need one. */
  #controller: AbortController | undefined;
  #isCut = false;
  #resolve: (result: Answer | Failed) => void = () => undefined;
  #reject: (reason: unknown) => void = () => undefined;
  #timer: Timer | undefined;
  /** What nobody need watch any more once it is over for the sender. */
  readonly #watches: (() => void)[] = [];
  #isOver = false;

  constructor(options: ExchangeOptions) {
    this.#options = options;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  get readTimeoutMs(): number {
    return this.#options.readTimeoutMs;
  }

  /** Aborted when the connection ends, as the server sees it. */
  get connection(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#isCut) this.#controller.abort(new Error('aborted'));
    }
    return this.#controller.signal;
  }

  /**
   * @param serve what the other side does with the request; its rejection becomes the answer's problem
   * @returns the answer, or how the connection failed. Rejects only when the signal is aborted.
   */
  run(signal: AbortSignal, serve: (listener: Listener) => Promise<Answer>): Promise<Answer | Failed> {
    const { network, life, connectionTimeoutMs } = this.#options;
    if (life.state === 'ended') return new Promise(() => undefined);
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      const onAbort = (): void => this.#abort(signal.reason);
      if (signal.aborted) {
        onAbort();
        return;
      }
      listenWithoutBound(signal);
      signal.addEventListener('abort', onAbort, { once: true });
      this.#watches.push(() => signal.removeEventListener('abort', onAbort));
      // Nothing of a process that was killed goes on, not even by an error.
      this.#watches.push(life.onEnd(() => this.#vanish()));
      this.#timer = network.timeline.after(connectionTimeoutMs, life, () =>
        this.fail('timeout', 'the connection was not made in time'),
      );
      const delay = this.hop('there');
      if (delay !== null) network.timeline.after(delay, null, () => this.#arrive(serve));
    });
  }

  /** How long a hop takes; null when it is lost. */
  hop(direction: 'there' | 'back'): number | null {
    const { network, from, to } = this.#options;
    const target = machineOf(to);
    const link = direction === 'there' ? network.link(from, target) : network.link(target, from);
    return hopMs(link, network.random);
  }

  /** Ends it for the sender, as its own socket sees it. */
  fail(reason: Failed['reason'], detail: string): void {
    if (this.#isOver) return;
    this.#over();
    this.#resolve(failed(reason, detail));
    // The other side learns of it when our end of the connection is closed.
    this.#disconnect();
  }

  /** The line breaks so that both sides notice. */
  breakLine(detail: string): void {
    this.#options.life.input(() => this.fail('interrupted', detail));
  }

  #arrive(serve: (listener: Listener) => Promise<Answer>): void {
    const { network, to } = this.#options;
    if (network.dark.has(machineOf(to))) return;
    const listener = network.listenerAt(to);
    if (listener === undefined) {
      this.#back(() => this.fail('unreachable', 'nobody listens there'));
      return;
    }
    this.#connected(listener);
    listener.life.input(() => {
      void serve(listener)
        .catch((error: unknown) => this.#problemAnswer(error))
        .then((answer) => {
          if (listener.life.state !== 'ended') this.#back(() => this.#answered(answer));
        });
    });
  }

  #connected(listener: Listener): void {
    const { network, life, readTimeoutMs } = this.#options;
    if (this.#isOver) return;
    this.#timer?.cancel();
    this.#timer = network.timeline.after(readTimeoutMs, life, () => this.fail('timeout', 'no answer in time'));
    // A process that is killed takes its connections with it: its kernel says so.
    this.#watches.push(
      listener.life.onEnd(() => this.#back(() => this.fail('interrupted', 'the connection was reset'))),
    );
  }

  #answered(answer: Answer): void {
    if (this.#isOver) return;
    this.#over();
    this.#resolve(answer);
  }

  /** Something goes back to the sender, and waits there while it is stopped. */
  #back(arrive: () => void): void {
    const { network, life } = this.#options;
    const delay = this.hop('back');
    if (delay === null) return;
    network.timeline.after(delay, null, () => {
      if (life.state !== 'ended') life.input(arrive);
    });
  }

  #abort(reason: unknown): void {
    if (this.#isOver) return;
    this.#over();
    this.#reject(reason);
    this.#disconnect();
  }

  #vanish(): void {
    if (this.#isOver) return;
    this.#over();
    this.#disconnect();
  }

  #over(): void {
    this.#isOver = true;
    this.#timer?.cancel();
    for (const release of this.#watches.splice(0)) release();
  }

  #disconnect(): void {
    const { network } = this.#options;
    const delay = this.hop('there');
    if (delay === null) return;
    network.timeline.after(delay, null, () => {
      this.#isCut = true;
      this.#controller?.abort(new Error('aborted'));
    });
  }

  #problemAnswer(error: unknown): Answer {
    const problem = problemOf(error);
    if (problem.status === 500) this.#options.network.defects.push(`${this.#options.to}: ${messageOf(error)}`);
    return jsonAnswer(problem.status, problem);
  }
}

const encoder = new TextEncoder();

export function jsonAnswer(status: number, value: unknown): Answer {
  return { status, body: encoder.encode(JSON.stringify(value)) };
}
