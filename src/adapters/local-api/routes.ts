import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import { GatewayError } from '../../errors.ts';
import { deliveryRoutes } from './deliveries.ts';
import { eventRoutes } from './events.ts';
import type { Context, Route } from './exchange.ts';
import type { Asked } from './guard.ts';
import { healthRoutes } from './health.ts';
import { NOT_BUILT, refuseNotBuilt } from './not-built.ts';
import { peerRoutes } from './peers.ts';
import { sendFailure } from './problem.ts';
import { requestRoutes } from './requests.ts';
import { snapshotRoutes } from './snapshots.ts';
import { statusRoutes } from './status.ts';

/** Every path that this version has. */
export const ROUTES: readonly Route[] = [
  ...statusRoutes,
  ...healthRoutes,
  ...snapshotRoutes,
  ...requestRoutes,
  ...peerRoutes,
  ...deliveryRoutes,
  ...eventRoutes,
];

/** Makes the application: first the guard, then the paths, then the problem for whatever went wrong. */
export function makeApplication(context: Context, guard: (asked: Asked) => GatewayError | null): Express {
  const application = express();
  application.disable('x-powered-by').disable('etag');
  application.enable('case sensitive routing').enable('strict routing');
  application.set('query parser', 'simple');
  application.use((request: Request, response: Response, next: NextFunction) => {
    for (const [name, value] of SECURITY_HEADERS) response.setHeader(name, value);
    const refusal = guard(request);
    if (refusal === null) next();
    else next(refusal);
  });
  for (const route of ROUTES) addRoute(application, context, route);
  for (const path of NOT_BUILT) application.all(path, refuseNotBuilt);
  application.use((request: Request) => {
    throw new GatewayError(
      'not-found',
      `There is no ${request.path.slice(0, 200)} here; /openapi.json lists the paths.`,
    );
  });
  // Express knows a handler of errors by its four parameters.
  application.use((error: unknown, request: Request, response: Response, _next: NextFunction) =>
    sendFailure({ request, response, context }, error),
  );
  return application;
}

/** Nothing here is for a web page of another origin, nor for a cache. */
const SECURITY_HEADERS = [
  ['x-content-type-options', 'nosniff'],
  ['cache-control', 'no-store'],
  ['cross-origin-resource-policy', 'same-origin'],
] as const;

function addRoute(application: Express, context: Context, { path, methods }: Route): void {
  const route = application.route(path);
  for (const method of ['get', 'put', 'post'] as const) {
    const handler = methods[method];
    if (handler !== undefined)
      route[method]((request: Request, response: Response) => handler({ request, response, context }));
  }
  const allow = allowedMethods(methods);
  route.all((request: Request, response: Response) => {
    response.setHeader('allow', allow);
    throw new GatewayError('method-not-allowed', `${request.method} is not allowed here; ${allow} may be used.`);
  });
}

function allowedMethods(methods: Route['methods']): string {
  return Object.keys(methods)
    .flatMap((method) => (method === 'get' ? ['GET', 'HEAD'] : [method.toUpperCase()]))
    .join(', ');
}
