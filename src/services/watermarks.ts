import * as v from 'valibot';
import {
  hearWatermarks,
  putWatermark,
  WATERMARKS_MOST,
  WATERMARKS_MOST_BYTES,
  type KnownWatermarks,
  type PutWatermark,
  type Watermark,
  type Watermarks as WatermarkMap,
} from '../core/watermarks.ts';
import { GatewayError } from '../errors.ts';
import type { WatermarksApi } from '../ports/ownership-api.ts';
import type { PeerMessage } from '../wire/messages.ts';
import { dataCenterName, positiveNumber } from '../wire/names.ts';
import { watermarksNews } from '../wire/ownership.ts';
import type { Context } from './context.ts';
import { recordSegment, type DurableRecords } from './durable-records.ts';
import { LatestWrite } from './latest-write.ts';
import type { PeerDirectory } from './peer-directory.ts';

const OWN_RECORD = 'watermarks/own';
const PEER_FOLDER = 'watermarks/peer';

const ownSchema = v.object({
  watermarks: watermarksNews,
  putUnder: v.optional(v.record(v.string(), v.record(v.string(), positiveNumber)), {}),
});
/** By the name of a watermark: the epoch of each workload that was ours when it was put. */
type PutUnder = Readonly<Record<string, Readonly<Record<string, number>>>>;

interface Own {
  readonly watermarks: WatermarkMap;
  readonly putUnder: PutUnder;
}

const NONE: Own = { watermarks: {}, putUnder: {} };

const peerSchema = v.object({ dataCenter: dataCenterName, incarnation: positiveNumber, watermarks: watermarksNews });

/**
 * How far the application here has got, in its own words, and how far those of the peers had by the last word of their
 * gateways (interface §3). Ours are durable before they are said; a peer's are kept beside its heartbeats, which wait
 * for no disk.
 */
export class Watermarks implements WatermarksApi {
  readonly #context: Context;
  readonly #records: DurableRecords;
  readonly #peers: PeerDirectory;
  readonly #flush: () => void;
  /** What was put so far: the bounds are judged by it, and the next write has it. */
  #taken: Own = NONE;
  /** What of it is durable, or will be as soon as the disk takes it; no other is shown or said. */
  #own: Own = NONE;
  readonly #ownWrites: LatestWrite<Own>;
  readonly #heard = new Map<string, KnownWatermarks>();
  readonly #heardWrites = new Map<string, LatestWrite<KnownWatermarks>>();
  /** The workloads that are ours, each with its epoch. */
  owned: () => Readonly<Record<string, number>> = () => ({});

  /** @param parts.flush begins to send a heartbeat to every peer now, and waits for nothing */
  constructor(context: Context, parts: { records: DurableRecords; peers: PeerDirectory; flush: () => void }) {
    this.#context = context;
    this.#records = parts.records;
    this.#peers = parts.peers;
    this.#flush = parts.flush;
    this.#ownWrites = new LatestWrite(async (own) => {
      await this.#records.settle(OWN_RECORD, own);
      this.#own = own;
    });
  }

  /** Brings back what a former run knew. A record that cannot be understood is as good as none. */
  async load(): Promise<void> {
    const own = v.safeParse(ownSchema, await this.#records.read(OWN_RECORD));
    if (own.success) this.#taken = this.#own = { ...own.output, watermarks: withoutNothings(own.output.watermarks) };
    for (const name of await this.#records.list(PEER_FOLDER)) {
      const record = v.safeParse(peerSchema, await this.#records.read(name));
      if (!record.success) continue;
      const { dataCenter, incarnation, watermarks } = record.output;
      this.#heard.set(dataCenter, { incarnation, watermarks: withoutNothings(watermarks) });
    }
  }

  /**
   * Replaces one of ours; one with neither `seq` nor `position` removes the name. Resolves when it is durable, or when
   * the disk is full or hangs and it is kept to be written later. With `flush` it is then on its way to every peer.
   *
   * @throws GatewayError `watermarks-too-large`
   */
  async put(name: string, watermark: Watermark, options: { flush: boolean }): Promise<void> {
    const put = putWatermark(this.#taken.watermarks, name, watermark);
    if (put.kind !== 'put') throw tooLarge(put);
    const { watermarks } = put;
    const putUnder = Object.entries({ ...this.#taken.putUnder, [name]: this.owned() });
    // One that was removed takes its epochs with it.
    const kept = putUnder.filter(([other]) => Object.hasOwn(watermarks, other));
    this.#taken = { watermarks, putUnder: Object.fromEntries(kept) };
    await this.#ownWrites.put(this.#taken);
    if (options.flush) this.#flush();
  }

  own(): WatermarkMap {
    return this.#own.watermarks;
  }

  /** Those of ours that were put while the workload was ours under this epoch. */
  ownUnder(workload: string, epoch: number): WatermarkMap {
    const { watermarks, putUnder } = this.#own;
    const put = Object.entries(watermarks).filter(([name]) => putUnder[name]?.[workload] === epoch);
    return Object.fromEntries(put);
  }

  /** What a message to a peer says of them; undefined while there are none. */
  news(): WatermarkMap | undefined {
    const { watermarks } = this.#own;
    return Object.keys(watermarks).length === 0 ? undefined : watermarks;
  }

  /** Takes what a fresh message of a peer says. Waits for nothing: it is written beside the answer, the newest last. */
  heard(dataCenter: string, incarnation: number, watermarks: PeerMessage['watermarks']): void {
    const known = this.#heard.get(dataCenter) ?? null;
    const next = hearWatermarks(known, { incarnation, watermarks: withoutNothings(watermarks ?? {}) });
    if (next === null || next === known) return;
    this.#heard.set(dataCenter, next);
    this.#context.tasks.run(`keep the watermarks of ${dataCenter}`, () => this.#writesOf(dataCenter).put(next));
  }

  ofPeer(dc: string): { readonly incarnation: number | null; readonly watermarks: WatermarkMap } {
    this.#peers.get(dc);
    return this.#heard.get(dc) ?? { incarnation: null, watermarks: {} };
  }

  /** What a peer last said, for a delivery: later words of it do not change what was given out. */
  frozen(dataCenter: string): WatermarkMap {
    return this.#heard.get(dataCenter)?.watermarks ?? {};
  }

  #writesOf(dataCenter: string): LatestWrite<KnownWatermarks> {
    const known = this.#heardWrites.get(dataCenter);
    if (known !== undefined) return known;
    const record = `${PEER_FOLDER}/${recordSegment(dataCenter)}`;
    const writes = new LatestWrite<KnownWatermarks>((heard) => this.#records.settle(record, { dataCenter, ...heard }));
    this.#heardWrites.set(dataCenter, writes);
    return writes;
  }
}

/** Of a message or a record, where a field may be there and be undefined; one with neither field says nothing. */
function withoutNothings(watermarks: NonNullable<PeerMessage['watermarks']>): WatermarkMap {
  return Object.fromEntries(
    Object.entries(watermarks).flatMap(([name, { seq, position }]): [string, Watermark][] =>
      seq === undefined && position === undefined
        ? []
        : [[name, { ...(seq === undefined ? {} : { seq }), ...(position === undefined ? {} : { position }) }]],
    ),
  );
}

function tooLarge(put: Exclude<PutWatermark, { kind: 'put' }>): GatewayError {
  const detail =
    put.kind === 'too-many'
      ? `There may be at most ${WATERMARKS_MOST} watermarks; put one with neither seq nor position to remove it.`
      : 'The names, positions and numbers of all watermarks together may have at most ' +
        `${WATERMARKS_MOST_BYTES} bytes, and would have ${put.bytes}.`;
  return new GatewayError('watermarks-too-large', detail);
}
