import { LocalApiServer } from '../adapters/local-api/server.ts';
import { MetricsServer } from '../adapters/local-api/metrics-server.ts';
import { ListenError, listenProblem } from '../adapters/peer-http/listen-problem.ts';
import { PeerHttpListener } from '../adapters/peer-http/listener.ts';
import type { PeerTrust } from '../adapters/peer-auth/peer-trust.ts';
import type { Config } from '../config/config.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { Gateway } from '../services/assemble.ts';
import { SECOND_MS } from '../units.ts';
import type { Closing } from './closing.ts';
import { openapiDocument } from './openapi-document.ts';

/** How long what is under way may take to finish when a listener closes. */
const GRACE_MS = 5 * SECOND_MS;

/**
 * Opens the listeners; each closes with what `closing` releases.
 *
 * @returns the clock's time at which the peer listener was open
 * @throws ListenError that names the configuration key of the address that cannot be had
 */
export async function openListeners(
  config: Config,
  gateway: Gateway,
  parts: {
    readonly clock: Clock;
    readonly log: Log;
    readonly trust: PeerTrust;
    readonly metrics: () => Promise<string>;
    readonly closing: Closing;
  },
): Promise<number> {
  const { clock, log, trust, metrics, closing } = parts;
  const { api, inbox } = gateway;

  const local = new LocalApiServer({
    host: config.localApiHost,
    port: config.localApiPort,
    socket: config.localApiSocket,
    api,
    token: config.localApiToken,
    readToken: config.localApiReadToken,
    metrics,
    limits: { snapshotMaxBytes: config.snapshotMaxBytes },
    clock,
    log,
    openapi: await openapiDocument(),
  });
  const localAddress =
    config.localApiSocket === null
      ? await opened(() => local.listen(), config.localApiHost, config.localApiPort, {
          port: 'localApiPort',
          host: 'localApiHost',
        })
      : await openedSocket(() => local.listen());
  closing.add('local API', () => local.close(GRACE_MS));

  let metricsAddress = null;
  if (config.metricsHost !== null && config.metricsPort !== null) {
    const server = new MetricsServer({ host: config.metricsHost, port: config.metricsPort, metrics, api, clock, log });
    metricsAddress = await opened(() => server.listen(), config.metricsHost, config.metricsPort, {
      port: 'metricsPort',
      host: 'metricsHost',
    });
    closing.add('metrics listener', () => server.close(GRACE_MS));
  }

  // The peers come last: before this gateway is heard of, its application can use it.
  const peer = new PeerHttpListener({
    host: config.peerHost,
    port: config.peerPort,
    dataCenter: config.dataCenter,
    maxBytes: config.snapshotMaxBytes,
    inbox,
    trust,
    clock,
    log,
    limits: { bodyTimeoutMs: config.readTimeoutMs },
  });
  const peerAddress = await peer.listen();
  closing.add('peer listener', () => peer.close(GRACE_MS));
  log.info(
    { dataCenter: config.dataCenter, localApi: localAddress, peer: peerAddress, metrics: metricsAddress },
    'the gateway is listening',
  );
  return clock.now();
}

/** @throws ListenError; what is in the way of the socket is said by whoever wanted to open it */
async function openedSocket<T>(open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (error) {
    throw error instanceof Error ? new ListenError('localApiSocket', error.message, error) : error;
  }
}

/** @throws ListenError, as the peer listener does: one sentence for the same trouble, whichever port has it */
async function opened<T>(
  open: () => Promise<T>,
  host: string,
  port: number,
  keys: { readonly port: string; readonly host: string },
): Promise<T> {
  try {
    return await open();
  } catch (error) {
    throw error instanceof Error ? listenProblem(error, host, port, keys) : error;
  }
}
