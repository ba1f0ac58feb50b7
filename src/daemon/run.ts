import { Registry } from 'prom-client';
import { TrustProblem } from '../adapters/peer-auth/trust-files.ts';
import { PinoLog } from '../adapters/system/log.ts';
import { SystemClock } from '../adapters/system/clock.ts';
import type { Config } from '../config/config.ts';
import { loadConfig } from '../config/load.ts';
import { GatewayError, messageOf } from '../errors.ts';
import { createTelemetry } from '../metrics/telemetry.ts';
import type { Log } from '../ports/log.ts';
import { assembleGateway, type Gateway } from '../services/assemble.ts';
import { Closing } from './closing.ts';
import { openListeners } from './listeners.ts';
import { settingsOf } from './settings.ts';
import { onSignals } from './signals.ts';
import { openWorld } from './world.ts';
import { openPeerTrust } from './peer-trust.ts';

export interface RunOptions {
  /** Of this program; shown in the log, the status and the metrics. */
  readonly version: string;
  readonly configFile: string;
  readonly appConfigFile?: string | null | undefined;
  readonly set: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stderr: { write(text: string): unknown };
}

const STOPPED = 0;
const FAILED = 1;
const BAD_CONFIGURATION = 78;

/** Runs a gateway until it is told to stop. @returns the exit status of interface §1; never rejects for what a user can do */
export async function runGateway(options: RunOptions): Promise<number> {
  const loaded = loadConfig({
    configFile: options.configFile,
    appConfigFile: options.appConfigFile,
    set: options.set,
    environment: options.env,
  });
  if (!loaded.ok) {
    for (const line of [...loaded.problems, ...loaded.warnings.map((warning) => `warning: ${warning}`)])
      options.stderr.write(`${line}\n`);
    return BAD_CONFIGURATION;
  }
  const { config } = loaded;
  const log = new PinoLog({ level: config.logLevel, format: config.logFormat });
  for (const warning of loaded.warnings) log.warn({ warning }, 'the configuration deserves a look');
  for (const notice of loaded.notices) log.info({ notice }, 'about the configuration');
  const closing = new Closing(log);
  // A defect may have left anything half done: what is durable is whole, so the safe thing is to end and be started again.
  process.on('unhandledRejection', (error) => {
    log.error(
      { error: messageOf(error), stack: error instanceof Error ? error.stack : undefined },
      'an unexpected failure; the gateway ends',
    );
    process.exit(FAILED);
  });
  try {
    await serve(config, { version: options.version, log, closing });
    return STOPPED;
  } catch (error) {
    // The facts name the folder, the file or the other process; they stay out of answers, and belong in the log.
    const known = error instanceof GatewayError ? { code: error.code, facts: error.facts } : {};
    log.error({ ...known, error: messageOf(error) }, 'the gateway cannot run');
    return error instanceof TrustProblem ? BAD_CONFIGURATION : FAILED;
  } finally {
    await closing.closeAll();
    log.info({}, 'the gateway has ended');
  }
}

async function serve(
  config: Config,
  { version, log, closing }: { readonly version: string; readonly log: Log; readonly closing: Closing },
): Promise<void> {
  const clock = new SystemClock();
  let gateway: Gateway | null = null;
  const telemetry = createTelemetry({
    registry: new Registry(),
    source: () => gateway?.telemetrySource ?? null,
    version,
  });
  const fatal: GatewayError[] = [];
  const onHeldByOther = (error: GatewayError): void => {
    fatal.push(error);
    gateway?.shutDown('stop');
  };
  const { trust, renew } = await openPeerTrust(config, { clock, log, closing });
  const world = await openWorld(config, { clock, log, telemetry, closing, trust, onHeldByOther });
  const running = await assembleGateway(world, settingsOf(config, version));
  gateway = running;
  closing.add('services', () => running.stop());
  const stopListening = onSignals({
    stop: (signal) => {
      log.info({ signal }, 'told to stop');
      running.shutDown('stop');
    },
    stopAtOnce: (signal) => {
      log.warn({ signal }, 'told twice to stop; the gateway ends at once');
      process.exit(FAILED);
    },
    renew: () => {
      log.info({}, 'told to read certificates and keys anew');
      renew();
    },
  });
  closing.add('signals', () => {
    stopListening();
    return Promise.resolve();
  });
  const listeningSince = await openListeners(config, running, {
    clock,
    log,
    trust,
    metrics: () => telemetry.metricsText(),
    closing,
  });
  running.start(listeningSince);
  log.info({ version, dataCenter: config.dataCenter, pid: process.pid }, 'the gateway runs');
  if (fatal.length > 0) running.shutDown('stop');
  await running.shutDownDone;
  for (const error of fatal) throw error;
}
