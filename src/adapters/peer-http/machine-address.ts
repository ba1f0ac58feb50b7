/** A machine of the configuration, `host:port` or `[IPv6]:port`, in its parts. */
export interface MachineAddress {
  /** As `net.connect` takes it: an IPv6 address without its brackets. */
  readonly host: string;
  readonly port: number;
  /** `host:port`, with brackets where they belong. */
  readonly authority: string;
}

/**
 * Takes a machine of the configuration apart.
 *
 * @throws Error when it has no port: the configuration has added the default long before
 */
export function parseMachine(machine: string): MachineAddress {
  const match = /^(?:\[([0-9A-Fa-f:.%]+)\]|([^:[\]/?#@\s]+)):([0-9]{1,5})$/.exec(machine);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port < 1 || port > 65535)
    throw new Error(`"${machine}" is no machine of the form host:port`);
  return { host, port, authority: `${host.includes(':') ? `[${host}]` : host}:${String(port)}` };
}
