import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Delivery } from '../../src/core/delivery.ts';
import type { ChecksView, HeldView, OutgoingView, PeerView, StatusView } from '../../src/ports/gateway-api.ts';
import { EventReader } from './event-reader.ts';
import { httpCall, type HttpAnswer, type HttpCall } from './http-call.ts';
import { secretsOfConfigFile, secretsOfEnvironment } from './known-secrets.ts';
import { assertMatchesOpenApi } from './openapi.ts';
import { ensureBuilt, LEASH, PROGRAM } from './program.ts';
import { late, PATIENCE_MS, Seen, untilShown } from './seen.ts';
import { toldSecrets } from './told-secrets.ts';

export type Keys = Readonly<Record<string, string | number | boolean>>;

export interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly [fact: string]: unknown;
}

export interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** The answer to an upload. */
export type Receipt = Pick<OutgoingView, 'version' | 'takenAt' | 'replication'>;

export interface Site {
  readonly name: string;
  /** A folder of the test's own. */
  readonly folder: string;
  readonly peerPort: number;
  readonly localPort: number;
}

/** A gateway as an operator runs it: the compiled program with a configuration file, in a process of its own. */
export class GatewayProcess {
  readonly site: Site;
  /** The configuration; a change counts from the next start on. */
  keys: Record<string, string | number | boolean>;
  environment: Readonly<Record<string, string>> = {};
  /** What the program is started through, such as faketime; nothing by itself. */
  wrapper: readonly string[] = [];
  /** Modules that are loaded into the process before the program, by their paths. */
  preloads: readonly string[] = [];
  /** With it, everything that is asked of the local API here carries it as its bearer token. */
  token: string | null = null;
  /** What a preloaded module says, over all runs; there is a channel only with preloads. */
  readonly said = new Seen<unknown>();
  /** Everything that was ever logged, over all runs. */
  readonly log = new Seen<LogLine>();
  readonly events = new EventReader();
  /** What it wrote that is no log line: the problems of a configuration. */
  readonly plainLines: string[] = [];
  /** The documented operations of the local API that were asked for. */
  readonly operations = new Set<string>();
  #child: ChildProcess | undefined;
  #ended: Promise<Ended> | undefined;
  #hasRun = false;
  /** The lines of the present run as they came, to be searched for its secrets when it has ended. */
  #lines: string[] = [];

  constructor(site: Site, keys: Keys) {
    this.site = site;
    this.keys = { ...keys };
  }

  get name(): string {
    return this.site.name;
  }

  get url(): string {
    return `http://127.0.0.1:${this.site.localPort}`;
  }

  get peerUrl(): string {
    return `http://127.0.0.1:${this.site.peerPort}`;
  }

  get stateFolder(): string {
    return join(this.site.folder, this.name);
  }

  get configFile(): string {
    return join(this.site.folder, `${this.name}.conf`);
  }

  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error(`the gateway of ${this.name} does not run`);
    return pid;
  }

  /** Resolves when the gateway runs and its events are being read. @throws Error when it ends instead */
  async start(): Promise<void> {
    const from = this.log.all.length;
    this.spawn();
    const ended = this.ended.then((end) => {
      const said = [...this.log.all.slice(from).map((line) => JSON.stringify(line)), ...this.plainLines].join('\n');
      throw new Error(`the gateway of ${this.name} ended at once (${JSON.stringify(end)}):\n${said}`);
    });
    await Promise.race([this.untilLogged('the gateway runs', from), ended]);
    ended.catch(() => undefined);
    await this.events.connect(this.url, this.#authorization);
    this.#hasRun = true;
  }

  /** Starts the process and waits for nothing. */
  spawn(): void {
    ensureBuilt();
    this.writeConfig();
    this.#registerSecrets();
    const [program, ...args] = [
      ...this.wrapper,
      process.execPath,
      ...[LEASH, ...this.preloads].flatMap((path) => ['--import', path]),
      PROGRAM,
      'run',
      '--config',
      this.configFile,
    ];
    const child = spawn(program, args, {
      env: { ...ownEnvironment(), ...this.environment },
      stdio: ['pipe', 'ignore', 'pipe', ...(this.preloads.length === 0 ? [] : ['ipc' as const])],
    });
    this.#child = child;
    child.stdin?.on('error', () => undefined);
    child.on('message', (message) => this.said.add(message));
    const lines = createInterface({ input: child.stderr! });
    lines.on('line', (line) => this.#take(line));
    this.#ended = once(child, 'close').then((end) => {
      this.#hearLines();
      const [status, signal] = end as [number | null, NodeJS.Signals | null];
      return { status, signal };
    });
  }

  /** Says something to what was preloaded; lost when the process has ended meanwhile. */
  say(message: object): void {
    this.#child?.send(message, () => undefined);
  }

  writeConfig(): void {
    const { name, peerPort, localPort } = this.site;
    const keys = {
      localDataCenterName: name,
      crossDCHttpPort: peerPort,
      localApiPort: localPort,
      stateDirectory: this.stateFolder,
    };
    const text = Object.entries({ ...keys, ...this.keys }).map(([key, value]) => `${key}=${value}\n`);
    mkdirSync(this.site.folder, { recursive: true });
    writeFileSync(this.configFile, text.join(''), { mode: 0o600 });
  }

  /** How the present run ended, or will. */
  get ended(): Promise<Ended> {
    if (this.#ended === undefined) throw new Error(`the gateway of ${this.name} was never started`);
    return this.#ended;
  }

  signal(signal: NodeJS.Signals): void {
    // It reads its keys anew: those of a step in between are gone when the process ends.
    if (signal === 'SIGHUP') this.#registerSecrets();
    this.#child?.kill(signal);
  }

  /** Dead at once, with no chance to say goodbye. */
  async kill9(): Promise<void> {
    this.signal('SIGKILL');
    await this.ended;
    this.events.close();
  }

  /** @throws Error when it does not end within the bound */
  async stop(signal: NodeJS.Signals = 'SIGTERM', withinMs = PATIENCE_MS): Promise<Ended> {
    this.signal(signal);
    return this.untilEnded(withinMs);
  }

  async untilEnded(withinMs = PATIENCE_MS): Promise<Ended> {
    const over = new AbortController();
    try {
      return await Promise.race([this.ended, late(`the end of the gateway of ${this.name}`, withinMs, over.signal)]);
    } finally {
      over.abort();
    }
  }

  /** Whatever state it is in, stopped ones too. */
  async dispose(): Promise<void> {
    this.events.close();
    if (this.#child === undefined) return;
    this.signal('SIGKILL');
    await this.ended;
    if (this.#hasRun) toldSecrets.hearLeftBehind(`the state folder of ${this.name}`, this.stateFolder);
    this.#hasRun = false;
  }

  untilLogged(msg: string, from = 0, where: (line: LogLine) => boolean = () => true): Promise<LogLine> {
    return this.log.until(`the log line "${msg}"`, (line) => line.msg === msg && where(line), from);
  }

  logged(msg: string, where: (line: LogLine) => boolean = () => true): LogLine[] {
    return this.log.all.filter((line) => line.msg === msg && where(line));
  }

  /** One request to the local API; every answer is held against the OpenAPI description. */
  async api(path: string, call: HttpCall = {}): Promise<HttpAnswer> {
    const answer = await httpCall(this.url + path, { ...call, headers: { ...this.#authorization, ...call.headers } });
    const contentType = answer.headers['content-type'] ?? null;
    const isJson = contentType !== null && /json/.test(contentType);
    const body = isJson && answer.body.length > 0 ? answer.json() : answer.body;
    const { status } = answer;
    this.operations.add(assertMatchesOpenApi({ method: call.method ?? 'GET', path, status, contentType, body }));
    return answer;
  }

  async #read<T>(path: string): Promise<T> {
    const answer = await this.api(path);
    if (answer.status !== 200) throw new Error(`${path} was answered ${answer.status}: ${answer.body.toString()}`);
    return answer.json() as T;
  }

  status(): Promise<StatusView> {
    return this.#read('/v1/status');
  }

  async peer(name: string): Promise<PeerView> {
    const { peers } = await this.status();
    const found = peers.find((peer) => peer.name === name);
    if (found === undefined)
      throw new Error(`${this.name} has no peer ${name}, but ${peers.map((peer) => peer.name).join()}`);
    return found;
  }

  /** What readiness says, whichever status it has. */
  async readiness(): Promise<{ status: number; checks: ChecksView['checks'] }> {
    const answer = await this.api('/readyz');
    return { status: answer.status, checks: (answer.json() as ChecksView).checks };
  }

  held(from: string): Promise<HeldView[]> {
    return this.#read(`/v1/peers/${from}/snapshots`);
  }

  history(from: string): Promise<HeldView[]> {
    return this.#read(`/v1/peers/${from}/snapshots?history=true`);
  }

  deliveries(): Promise<Delivery[]> {
    return this.#read('/v1/deliveries');
  }

  async put(origin: string, body: Uint8Array | string, query = ''): Promise<HttpAnswer> {
    return this.api(`/v1/snapshots/${encodeURIComponent(origin)}${query}`, { method: 'PUT', body });
  }

  /** @throws Error unless it was accepted */
  async putAccepted(origin: string, body: Uint8Array | string): Promise<Receipt> {
    const answer = await this.put(origin, body);
    if (answer.status !== 202) throw new Error(`${origin} was answered ${answer.status}: ${answer.body.toString()}`);
    return answer.json() as Receipt;
  }

  /** Posts a snapshot and waits until every peer that is up has it. @returns its version */
  async putReplicated(origin: string, body: Uint8Array | string): Promise<number> {
    const answer = await this.put(origin, body, '?wait=replicated&timeout=20');
    if (answer.status !== 200) throw new Error(`${origin} was answered ${answer.status}: ${answer.body.toString()}`);
    return (answer.json() as Receipt).version;
  }

  async message(msg: 'OrderlyShutdown' | 'SendMeDataFromSnapshotFiles'): Promise<HttpAnswer> {
    return this.api('/v1/messages', { method: 'POST', json: { msg } });
  }

  /** The sum over all series of a metric whose labels are as given. @throws Error when there is none */
  async metric(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
    const text = (await this.api('/metrics')).body.toString();
    const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
    const series = text
      .split('\n')
      .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
      .filter((line) => wanted.every((label) => line.includes(label)));
    if (series.length === 0) throw new Error(`${this.name} shows no metric ${name}{${wanted.join()}}`);
    return series.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  }

  /** What a gateway shows and does not announce. */
  untilPeer(name: string, what: string, fits: (peer: PeerView) => boolean, withinMs = PATIENCE_MS): Promise<PeerView> {
    const probe = async (): Promise<PeerView | undefined> => {
      const peer = (await this.status()).peers.find((one) => one.name === name);
      return peer !== undefined && fits(peer) ? peer : undefined;
    };
    return untilShown(`${this.name} sees ${name} ${what}`, probe, withinMs);
  }

  get #authorization(): Record<string, string> {
    return this.token === null ? {} : { authorization: `Bearer ${this.token}` };
  }

  /** Those that it was started with, and those that a file that it reads again has now. */
  #registerSecrets(): void {
    toldSecrets.register(secretsOfConfigFile(this.configFile));
    toldSecrets.register(secretsOfEnvironment(this.environment));
  }

  #hearLines(): void {
    this.#registerSecrets();
    toldSecrets.hear(`the log of ${this.name}`, this.#lines.join('\n'));
    this.#lines = [];
  }

  #take(line: string): void {
    this.#lines.push(line);
    if (!line.startsWith('{')) this.plainLines.push(line);
    else this.log.add(JSON.parse(line) as LogLine);
  }
}

/** What the shell has set for a gateway of its own must not reach the tests'. */
function ownEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('CROSSDC_')));
}
