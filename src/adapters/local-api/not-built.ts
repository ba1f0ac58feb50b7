import { GatewayError } from '../../errors.ts';

/** Paths of the interface that this version does not have. A caller gets a clear answer, not a 404 to puzzle over. */
export const NOT_BUILT: readonly string[] = [
  '/v1/ownership',
  '/v1/ownership/:workload',
  '/v1/ownership/:workload/released',
  '/v1/restore',
  '/v1/watermarks/:name',
  '/v1/peers/:dc/watermarks',
  '/v1/peers/:dc/sync',
  '/primary',
  '/standby',
];

export function refuseNotBuilt(): never {
  throw new GatewayError('not-built', 'This version of the gateway does not have this part of the interface.');
}
