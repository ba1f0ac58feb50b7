import type { Request, Response } from 'express';
import type { Clock } from '../../ports/clock.ts';
import type { GatewayApi } from '../../ports/gateway-api.ts';
import type { Log } from '../../ports/log.ts';
import type { LocalApiLimits } from './limits.ts';
import type { Places } from './places.ts';

/** What every handler works with. */
export interface Context {
  readonly api: GatewayApi;
  /** The Prometheus text. */
  readonly metrics: () => Promise<string>;
  readonly clock: Clock;
  readonly limits: LocalApiLimits;
  readonly log: Log;
  readonly openapi: object;
  /** Whether whoever may change anything has shown localApiToken; without one everybody may who reaches us. */
  readonly isTokenWanted: boolean;
  /** How many may listen to events at one time. */
  readonly subscribers: Places;
  /** As many more may who may only read: a dashboard takes no place from the application. */
  readonly readingSubscribers: Places;
  /** Aborted when the server closes: streams end by themselves after what is in the log. */
  readonly closing: AbortSignal;
}

/** One request and its answer. */
export interface Exchange {
  readonly request: Request;
  readonly response: Response;
  readonly context: Context;
}

/** Decodes, makes one call, encodes. What it throws becomes a problem. */
export type Handler = (exchange: Exchange) => Promise<void> | void;

export type Method = 'get' | 'put' | 'post';

/** A path of the API. HEAD is answered wherever GET is. */
export interface Route {
  readonly path: string;
  readonly methods: Readonly<Partial<Record<Method, Handler>>>;
  /** The bearer of `localApiReadToken` may read it. Said of each path that shows no snapshot's bytes: a new one is closed. */
  readonly isForReaders?: boolean;
}

/** Aborted when the client has gone, or its answer is complete: whatever was done for this client alone may stop. */
export function goneSignal(response: Response): AbortSignal {
  const gone = new AbortController();
  if (response.closed || response.destroyed) gone.abort();
  else response.once('close', () => gone.abort());
  return gone.signal;
}

/** Answers with JSON. The length is given, so that a cut connection is seen as one. */
export function sendJson(response: Response, status: number, body: unknown): void {
  const bytes = Buffer.from(JSON.stringify(body));
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', 'content-length': bytes.length });
  response.end(bytes);
}

export function sendNothing(response: Response): void {
  response.writeHead(204);
  response.end();
}
