/**
 * How long to wait before the next attempt: doubled at each failure up to a bound, spread by jitter so that many
 * waiting for one recovering server do not come at once ("equal jitter": half fixed, half random).
 *
 * @param failures how many attempts have failed in a row, 1 or more
 * @param random a number in [0, 1)
 */
export function backoffMs(failures: number, bounds: { firstMs: number; mostMs: number }, random: number): number {
  const whole = Math.min(bounds.mostMs, bounds.firstMs * 2 ** Math.min(failures - 1, 30));
  return whole / 2 + (whole / 2) * random;
}
