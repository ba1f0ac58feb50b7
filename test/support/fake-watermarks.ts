import { putWatermark, type KnownWatermarks, type Watermark, type Watermarks } from '../../src/core/watermarks.ts';
import { GatewayError } from '../../src/errors.ts';
import type { WatermarksApi } from '../../src/ports/ownership-api.ts';

/** The watermarks of a gateway in memory, with the peers `dc2`, of which a test says what was heard, and `dc3`. */
export class FakeWatermarks implements WatermarksApi {
  /** What was put, in the order of the calls. */
  readonly puts: { readonly name: string; readonly watermark: Watermark; readonly flush: boolean }[] = [];
  readonly heard = new Map<string, KnownWatermarks | null>([
    ['dc2', null],
    ['dc3', null],
  ]);
  #own: Watermarks = {};

  async put(name: string, watermark: Watermark, { flush }: { flush: boolean }): Promise<void> {
    await Promise.resolve();
    const put = putWatermark(this.#own, name, watermark);
    if (put.kind !== 'put') throw new GatewayError('watermarks-too-large', `They are ${put.kind}.`);
    this.#own = put.watermarks;
    this.puts.push({ name, watermark, flush });
  }

  own(): Watermarks {
    return this.#own;
  }

  ofPeer(dc: string): { readonly incarnation: number | null; readonly watermarks: Watermarks } {
    const heard = this.heard.get(dc);
    if (heard === undefined) throw new GatewayError('not-found', `There is no peer ${dc}.`);
    return heard ?? { incarnation: null, watermarks: {} };
  }
}
