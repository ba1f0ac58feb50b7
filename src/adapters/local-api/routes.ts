import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import { GatewayError } from '../../errors.ts';
import { deliveryRoutes } from './deliveries.ts';
import { eventRoutes } from './events.ts';
import type { Context, Route } from './exchange.ts';
import type { Access, Guard } from './guard.ts';
import { healthRoutes } from './health.ts';
import { historyRoutes } from './history.ts';
import { ownershipRoutes, primaryRoutes } from './ownership.ts';
import { peerRoutes } from './peers.ts';
import { sendFailure } from './problem.ts';
import { requestRoutes } from './requests.ts';
import { restoreRoutes } from './restore.ts';
import { SECURITY_HEADERS } from './security-headers.ts';
import { snapshotRoutes } from './snapshots.ts';
import { statusRoutes } from './status.ts';
import { watermarkRoutes } from './watermarks.ts';

/** Every path that this version has. */
export const ROUTES: readonly Route[] = [
  ...primaryRoutes,
  ...statusRoutes,
  ...healthRoutes,
  ...snapshotRoutes,
  ...requestRoutes,
  ...peerRoutes,
  ...watermarkRoutes,
  ...deliveryRoutes,
  ...restoreRoutes,
  ...ownershipRoutes,
  ...eventRoutes,
  ...historyRoutes,
];

/** Makes the application: first the guard, then the paths, then the problem for whatever went wrong. */
export function makeApplication(context: Context, guard: Guard): Express {
  const application = express();
  application.disable('x-powered-by').disable('etag');
  application.enable('case sensitive routing').enable('strict routing');
  application.set('query parser', 'simple');
  application.use((request: Request, response: Response, next: NextFunction) => {
    for (const [name, value] of SECURITY_HEADERS) response.setHeader(name, value);
    const access = guard(request);
    if (access instanceof GatewayError) {
      next(access);
      return;
    }
    refuseChange(request.method, access);
    // Each answer's own memory, for the routes that not everybody may read.
    response.locals.access = access;
    next();
  });
  for (const route of ROUTES) addRoute(application, context, route);
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

const READING: ReadonlySet<string> = new Set(['GET', 'HEAD']);

/** @throws GatewayError `read-only-token` for whatever is no reading, before the path is looked at */
function refuseChange(method: string, access: Access): void {
  if (access === 'all' || READING.has(method)) return;
  throw new GatewayError('read-only-token', 'localApiReadToken may change nothing; localApiToken may.');
}

/** @throws GatewayError `read-only-token` where only the bearer of the other token may read */
function refuseBytes(access: unknown, isForReaders: boolean): void {
  if (access === 'all' || isForReaders) return;
  throw new GatewayError('read-only-token', "localApiReadToken may not read a snapshot's bytes; localApiToken may.");
}

function addRoute(application: Express, context: Context, { path, methods, isForReaders = false }: Route): void {
  const route = application.route(path);
  for (const method of ['get', 'put', 'post'] as const) {
    const handler = methods[method];
    if (handler !== undefined)
      route[method]((request: Request, response: Response) => {
        refuseBytes(response.locals.access, isForReaders);
        return handler({ request, response, context });
      });
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
