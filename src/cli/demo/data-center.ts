import { rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ApplicationState, Ask, Reply } from './application-protocol.ts';
import type { Child, Children } from './children.ts';
import { GatewayClient } from './gateway-client.ts';
import type { BookSummary } from './order-books.ts';
import { configText, type Site } from './settings.ts';
import { StepFailed } from './watch.ts';

const ASK_MS = 5000;

/** One of the two: a gateway and an application, each a process. */
export class DataCenter {
  readonly site: Site;
  readonly client: GatewayClient;
  readonly #children: Children;
  readonly #folder: string;
  #gateway: Child | undefined;
  #application: Child | undefined;
  #asked = 0;

  constructor(site: Site, folder: string, children: Children) {
    this.site = site;
    this.client = new GatewayClient(`http://127.0.0.1:${site.localPort}`);
    this.#folder = folder;
    this.#children = children;
  }

  get name(): string {
    return this.site.name;
  }

  get gateway(): Child {
    if (this.#gateway === undefined) throw new StepFailed(`the gateway of ${this.name} was never started`);
    return this.#gateway;
  }

  get application(): Child {
    if (this.#application === undefined) throw new StepFailed(`the application of ${this.name} was never started`);
    return this.#application;
  }

  async startGateway(other: Site): Promise<void> {
    const file = join(this.#folder, `${this.name}.conf`);
    await writeFile(file, configText(this.site, other));
    this.#gateway = this.#children.startGateway(`gateway of ${this.name}`, file, this.#log('gateway'));
  }

  startApplication(): void {
    const args = [this.client.url, this.name];
    this.#application = this.#children.startApplication(`application of ${this.name}`, args, this.#log('application'));
  }

  /** Both at once, with no chance to say goodbye. */
  kill(): void {
    this.application.send('SIGKILL');
    this.gateway.send('SIGKILL');
  }

  /** The disk is lost too. */
  wipe(): void {
    rmSync(this.site.stateDirectory, { recursive: true, force: true });
  }

  /** Starts or stops the orders that come in at the application. */
  async trade(everyMs: number | null): Promise<void> {
    await this.#ask({ kind: 'trade', everyMs });
  }

  async applicationState(): Promise<ApplicationState> {
    return this.#ask({ kind: 'state' });
  }

  /** What the application here has of a data centre's books, its own or another's. */
  async books(of: string): Promise<BookSummary[]> {
    return (await this.applicationState()).books.filter((book) => book.dataCenter === of);
  }

  /** The epoch under which the application works on a workload; null while it does not. */
  async worksOn(workload: string): Promise<number | null> {
    return (await this.applicationState()).working.find((work) => work.workload === workload)?.epoch ?? null;
  }

  #ask(ask: Ask): Promise<ApplicationState> {
    const { process: child, name } = this.application;
    this.#asked += 1;
    const id = this.#asked;
    return new Promise((resolve, reject) => {
      const settle = (state: ApplicationState | null): void => {
        clearTimeout(timer);
        child.off('message', onReply);
        child.off('exit', onEnd);
        if (state === null) reject(new StepFailed(`the ${name} does not answer`));
        else resolve(state);
      };
      const onEnd = (): void => settle(null);
      const onReply = (reply: Reply): void => {
        if (reply.id === id) settle(reply.state);
      };
      const timer = setTimeout(onEnd, ASK_MS);
      child.on('message', onReply);
      child.on('exit', onEnd);
      if (child.connected) child.send({ id, ask }, (error) => error !== null && settle(null));
      else settle(null);
    });
  }

  #log(kind: 'gateway' | 'application'): string {
    return join(this.#folder, `${this.name}-${kind}.log`);
  }
}
