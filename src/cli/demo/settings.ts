/** How fast everything goes in the demo: short, but nothing that a busy machine could not keep. */
export const HEARTBEAT_MS = 300;
export const MISSES_ALLOWED = 4;
export const SNAPSHOT_INTERVAL_MS = 1000;

export interface Site {
  readonly name: string;
  readonly peerPort: number;
  readonly localPort: number;
  readonly stateDirectory: string;
  /** The key that both have, with which each proves to the other who it is. */
  readonly keyFile: string;
}

/** The configuration of one of the two, as an operator would write it. */
export function configText(site: Site, other: Site): string {
  return `\
# The demo's data centre ${site.name}.
localDataCenterName=${site.name}
applicationName=order-books
stateDirectory=${site.stateDirectory}
crossDCHttpHost=127.0.0.1
crossDCHttpPort=${site.peerPort}
localApiPort=${site.localPort}
peerAuth=key
peerSharedKeyFile=${site.keyFile}
remoteDataCenterName=${other.name}
remoteDataCenterApplicationMachineNames=127.0.0.1:${other.peerPort}
heartbeatExchangeInterval=${HEARTBEAT_MS / 1000}
consecutiveHeartbeatMissesAllowed=${MISSES_ALLOWED}
dataSnapshotExchangeInterval=${SNAPSHOT_INTERVAL_MS / 1000}
httpConnectionTimeout=1
httpReadTimeout=1
snapshotRequestTimeout=${SNAPSHOT_INTERVAL_MS / 1000}
`;
}
