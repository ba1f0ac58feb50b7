import type { Accepted } from './sim-application.ts';

/** What is accepted under a later epoch has the greater version, whoever accepts it, and however late an earlier owner. */
export class VersionOrder {
  /** The least and the greatest version of each epoch, by workload and origin. */
  readonly #ranges = new Map<string, Map<number, { readonly least: number; readonly greatest: number }>>();

  /** @returns what is wrong with it */
  accepted(name: string, { workload, origin, version }: Accepted, epoch: number): string | null {
    const key = `${workload} ${origin}`;
    const ranges = this.#ranges.get(key) ?? new Map<number, { readonly least: number; readonly greatest: number }>();
    this.#ranges.set(key, ranges);
    const { least, greatest } = ranges.get(epoch) ?? { least: version, greatest: version };
    ranges.set(epoch, { least: Math.min(least, version), greatest: Math.max(greatest, version) });
    for (const [other, range] of ranges) {
      if (other < epoch ? range.greatest < version : other === epoch || range.least > version) continue;
      return `${name} accepts ${key}@${version} under epoch ${epoch}; under epoch ${other} there is ${range.least} to ${range.greatest}`;
    }
    return null;
  }
}
