/** Bytes in a KiB, a MiB, a GiB. */
export const KIB = 1024;
export const MIB = 1024 * KIB;
export const GIB = 1024 * MIB;

/** Milliseconds in a second, a minute, an hour, a day. */
export const SECOND_MS = 1000;
export const MINUTE_MS = 60 * SECOND_MS;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

/** The longest delay that a Node.js timer takes; a longer one fires at once. Longer waits are cut in pieces. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The number of the peer protocol that this program speaks (interface §5). */
export const PROTOCOL = 1;

/** The largest number that a version, an incarnation or an event id may have. */
export const LARGEST_NUMBER = Number.MAX_SAFE_INTEGER;
