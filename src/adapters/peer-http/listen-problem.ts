import { codeOf } from './outcomes.ts';

/** The peer listener could not be opened. `key` is the configuration key to look at. */
export class ListenError extends Error {
  readonly key: 'crossDCHttpPort' | 'crossDCHttpHost';

  constructor(key: 'crossDCHttpPort' | 'crossDCHttpHost', message: string, cause: Error) {
    super(`${key}: ${message}`, { cause });
    this.name = 'ListenError';
    this.key = key;
  }
}

/** Says what kept the port from being opened, in the words of the configuration. */
export function listenProblem(error: Error, host: string, port: number): ListenError {
  switch (codeOf(error)) {
    case 'EADDRINUSE':
      return new ListenError('crossDCHttpPort', `port ${String(port)} of ${host} is in use by another program`, error);
    case 'EACCES':
      return new ListenError(
        'crossDCHttpPort',
        `port ${String(port)} of ${host} may not be opened by this user`,
        error,
      );
    case 'EADDRNOTAVAIL':
      return new ListenError('crossDCHttpHost', `this machine has no address ${host}`, error);
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new ListenError('crossDCHttpHost', `the name ${host} cannot be resolved`, error);
    default:
      return new ListenError(
        'crossDCHttpPort',
        `port ${String(port)} of ${host} cannot be opened: ${error.message}`,
        error,
      );
  }
}
