import type { Request } from 'express';
import type { Watermark } from '../../core/watermarks.ts';
import { GatewayError } from '../../errors.ts';
import { watermarkNameProblem } from '../../wire/names.ts';
import { watermarkBody } from './bodies.ts';
import { readJson } from './body.ts';
import { sendJson, sendNothing, type Exchange, type Route } from './exchange.ts';
import { peerOf, queryWord } from './parameters.ts';

/** How far the application here has got, and the peers'. */
export const watermarkRoutes: readonly Route[] = [
  { path: '/v1/watermarks', methods: { get: showOwn }, isForReaders: true },
  { path: '/v1/watermarks/:name', methods: { put: putWatermark } },
  { path: '/v1/peers/:dc/watermarks', methods: { get: showPeers }, isForReaders: true },
];

async function putWatermark(exchange: Exchange): Promise<void> {
  const { request, response, context } = exchange;
  const name = nameOf(request);
  const flush = queryWord(request, 'flush', ['1', '0']) === '1';
  const { seq, position } = await readJson(exchange, watermarkBody);
  const watermark: Watermark = {
    ...(seq === undefined ? {} : { seq }),
    ...(position === undefined ? {} : { position }),
  };
  await context.api.watermarks.put(name, watermark, { flush });
  sendNothing(response);
}

function showOwn({ response, context }: Exchange): void {
  sendJson(response, 200, context.api.watermarks.own());
}

function showPeers({ request, response, context }: Exchange): void {
  sendJson(response, 200, context.api.watermarks.ofPeer(peerOf(request)));
}

/** The watermark's name: one segment, percent-encoded, already decoded by the router. */
function nameOf({ params }: Request): string {
  const name = typeof params.name === 'string' ? params.name : '';
  const problem = watermarkNameProblem(name);
  if (problem !== null) throw new GatewayError('bad-request', problem, { field: 'name' });
  return name;
}
