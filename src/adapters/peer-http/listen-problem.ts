import { PORT_IN_USE } from '../../errors.ts';
import { codeOf } from './outcomes.ts';

/** The configuration keys of a listener's address. */
interface AddressKeys {
  readonly port: string;
  readonly host: string;
}

const PEER_KEYS: AddressKeys = { port: 'crossDCHttpPort', host: 'crossDCHttpHost' };

/** A listener could not be opened. `key` is the configuration key to look at. */
export class ListenError extends Error {
  readonly key: string;

  constructor(key: string, message: string, cause: Error) {
    super(`${key}: ${message}`, { cause });
    this.name = 'ListenError';
    this.key = key;
  }
}

/** Says what kept the port from being opened, in the words of the configuration. */
export function listenProblem(error: Error, host: string, port: number, keys: AddressKeys = PEER_KEYS): ListenError {
  const place = `port ${String(port)} of ${host}`;
  switch (codeOf(error)) {
    case 'EADDRINUSE':
      return new ListenError(keys.port, `${place} ${PORT_IN_USE}`, error);
    case 'EACCES':
      return new ListenError(keys.port, `${place} may not be opened by this user`, error);
    case 'EADDRNOTAVAIL':
      return new ListenError(keys.host, `this machine has no address ${host}`, error);
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new ListenError(keys.host, `the name ${host} cannot be resolved`, error);
    default:
      return new ListenError(keys.port, `${place} cannot be opened: ${error.message}`, error);
  }
}
