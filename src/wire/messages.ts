import * as v from 'valibot';
import { LARGEST_NUMBER, PROTOCOL } from '../units.ts';
import { APPLICATION_NAME_MAX, dataCenterName, positiveNumber } from './names.ts';
import { ask, ownershipNews, reply, watermarksNews } from './ownership.ts';

/**
 * Messages of type 1 (heartbeat) and 3 (orderly shutdown), and their answers (interface §5). JSON; unknown fields are
 * ignored, so that a later version of the same protocol may add some.
 */
export const applicationStatus = v.picklist(['unknown', 'passing', 'critical']);
const applicationName = v.pipe(v.string(), v.minLength(1), v.maxLength(APPLICATION_NAME_MAX));
/** Seconds; an exchange that is switched off announces 444444444. */
const intervalSeconds = v.pipe(v.number(), v.minValue(0.001), v.maxValue(1e9));
const isoTime = v.pipe(v.string(), v.maxLength(40));
/** 0 before the first. */
const count = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(LARGEST_NUMBER));
/** JSON has numbers that are read as Infinity (1e999); an age is none of them. */
const ageMs = v.pipe(v.number(), v.finite(), v.minValue(0));

export const peerMessageSchema = v.object({
  heartbeatMsgType: v.picklist([1, 3]),
  heartbeatCnt: positiveNumber,
  dataCenterOrigin: dataCenterName,
  applicationName,
  incarnation: positiveNumber,
  sentAt: isoTime,
  interval: intervalSeconds,
  application: v.object({ status: applicationStatus }),
  /** What the sender last heard of the receiver; null when it never heard it in this run. */
  lastHeard: v.nullable(v.object({ heartbeatCnt: count, ageMs })),
  protocol: v.literal(PROTOCOL),
  /** Whether it takes over by itself; an older sender does not say. */
  mode: v.optional(v.picklist(['active', 'passive'])),
  ownership: v.optional(ownershipNews),
  watermarks: v.optional(watermarksNews),
  /** One request of the receiver; its answer has the reply. */
  ask: v.optional(ask),
});
export type PeerMessage = v.InferOutput<typeof peerMessageSchema>;

export const peerAnswerSchema = v.object({
  dataCenterOrigin: dataCenterName,
  /** The last count that the receiver sent itself; 0 before its first. */
  heartbeatCnt: count,
  incarnation: positiveNumber,
  /** SHA-256, in hexadecimal, over what the receiver holds for the sender (core/inventory.ts); empty while it does not know. */
  inventory: v.pipe(v.string(), v.maxLength(128)),
  ownership: v.optional(ownershipNews),
  reply: v.optional(reply),
});
export type PeerAnswer = v.InferOutput<typeof peerAnswerSchema>;

const fate = v.picklist(['held', 'delivered', 'set-aside', 'withdrawn', 'lost']);
export const inventorySchema = v.pipe(
  v.array(
    v.object({
      workload: dataCenterName,
      origin: v.pipe(v.string(), v.minLength(1), v.maxLength(200)),
      version: positiveNumber,
      sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
      fate,
    }),
  ),
  v.maxLength(100_000),
);

export type ParsedMessage =
  | { readonly kind: 'message'; readonly message: PeerMessage }
  | { readonly kind: 'wrong-protocol'; readonly protocol: unknown }
  | { readonly kind: 'invalid'; readonly field: string; readonly problem: string };

/** Takes untrusted JSON. The protocol's number is looked at first: of a message of another protocol nothing is believed. */
export function parsePeerMessage(input: unknown): ParsedMessage {
  if (typeof input === 'object' && input !== null && 'protocol' in input && input.protocol !== PROTOCOL) {
    return { kind: 'wrong-protocol', protocol: input.protocol };
  }
  const result = v.safeParse(peerMessageSchema, input);
  if (result.success) return { kind: 'message', message: result.output };
  const [issue] = result.issues;
  return { kind: 'invalid', field: v.getDotPath(issue) ?? '(body)', problem: issue.message };
}
