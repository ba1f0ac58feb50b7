import type { GatewayProcess } from '../gateway-process.ts';
import { untilShown } from '../seen.ts';
import type { Complaint } from './ledger.ts';
import type { Footprint } from './report.ts';

/** More than a gateway that did nothing may take after its work. Raised: a leak takes a longer soak to be found. */
const RESIDENT_SLACK_BYTES = 160 << 20;
/** Connections that idle for a while, and files that happen to be open at the moment. */
const FILES_SLACK = 24;
const PATIENCE_MS = 30_000;

export async function footprintOf(gateway: GatewayProcess): Promise<Footprint> {
  return {
    residentBytes: await gateway.metric('process_resident_memory_bytes'),
    openFiles: await gateway.metric('process_open_fds'),
  };
}

/** What it takes once its idle connections are closed, or at last whatever it takes. */
export async function calmFootprintOf(gateway: GatewayProcess, most: number): Promise<Footprint> {
  let last = await footprintOf(gateway);
  const probe = async (): Promise<Footprint | undefined> => {
    last = await footprintOf(gateway);
    return last.openFiles <= most ? last : undefined;
  };
  return untilShown('few open files', probe, PATIENCE_MS).catch(() => last);
}

/** Files that a gateway may have open when it is at rest; less is asked of none. */
export const CALM_FILES = 48;

export function checkFootprint(
  name: string,
  { end, fresh }: { end: Footprint; fresh: Footprint },
  complain: Complaint,
): void {
  if (end.residentBytes > fresh.residentBytes + RESIDENT_SLACK_BYTES) {
    complain(`${name} takes ${end.residentBytes} bytes of memory at the end, a fresh one ${fresh.residentBytes}`);
  }
  if (end.openFiles > fresh.openFiles + FILES_SLACK) {
    complain(`${name} has ${end.openFiles} files open at the end, a fresh one ${fresh.openFiles}`);
  }
}
