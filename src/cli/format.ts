import { GIB, KIB, MIB, SECOND_MS } from '../units.ts';

/** "17 B", "4.0 KiB", "1.5 GiB". */
export function formatBytes(bytes: number): string {
  if (bytes < KIB) return `${bytes} B`;
  if (bytes < MIB) return `${(bytes / KIB).toFixed(1)} KiB`;
  if (bytes < GIB) return `${(bytes / MIB).toFixed(1)} MiB`;
  return `${(bytes / GIB).toFixed(1)} GiB`;
}

/** "0.4s", "45s", "12m30s", "3h12m", "5d3h": two units at most, never more than six columns for a year. */
export function formatDuration(ms: number): string {
  const seconds = Math.max(0, ms) / SECOND_MS;
  if (seconds < 9.95) return `${seconds.toFixed(1)}s`;
  const whole = Math.round(seconds);
  if (whole < 120) return `${whole}s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes}m${whole % 60}s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours}h${minutes % 60}m`;
  return `${Math.floor(hours / 24)}d${hours % 24}h`;
}

/** How long ago an RFC 3339 time was; `-` for none, and the text itself when it is no time. */
export function formatAge(at: string | null, wallMs: number): string {
  if (at === null) return '-';
  const then = Date.parse(at);
  return Number.isNaN(then) ? at : formatDuration(wallMs - then);
}

/** "1 origin", "3 origins". */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

export function yesNo(value: boolean | null): string {
  return value === null ? '-' : value ? 'yes' : 'no';
}
