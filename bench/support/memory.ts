import { readFileSync, writeFileSync } from 'node:fs';

export interface Measured {
  readonly seconds: number;
  /** Resident memory at its peak, above what was used before. */
  readonly aboveBytes: number;
}

/** Runs it in this process, alone. */
export async function measured(work: () => Promise<void>): Promise<Measured> {
  writeFileSync('/proc/self/clear_refs', '5');
  const idle = resident('self', 'VmRSS');
  const before = performance.now();
  await work();
  const seconds = (performance.now() - before) / 1000;
  return { seconds, aboveBytes: Math.max(0, resident('self', 'VmHWM') - idle) };
}

/** Resident memory of a process in bytes: VmRSS is that of now, VmHWM its peak. */
export function resident(pid: number | 'self', field: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return 1024 * Number(new RegExp(`${field}:\\s+([0-9]+) kB`).exec(status)?.[1]);
}
