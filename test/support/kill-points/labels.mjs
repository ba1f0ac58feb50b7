// How the durable steps of a gateway are called: by what is done, and to what. Names have neither origins nor numbers of
// versions in them, so that the same story with another origin passes the same points.

const STORES = ['outgoing', 'held', 'returned'];
const SEGMENT = /^\d{16}\.jsonl$/;
/** Below a store: one folder a data centre, in it one a workload, in it one an origin. */
const FOLDERS = ['root', 'data centre folder', 'workload folder', 'origin folder'];

/** What a path below the state folder is; null for what is no durable state of the gateway. */
export function placeOf([top, ...rest], content) {
  if (top === '') return 'state folder';
  if (SEGMENT.test(top)) return content ? `events (${content})` : null;
  if (top === 'history') return content ? `history (${content})` : null;
  if (top === 'records') return recordOf(rest, content);
  if (!STORES.includes(top)) return null;
  if (rest[0] === '.tmp') return rest.length === 1 ? null : `${top} ${content ?? 'empty'} temp`;
  const isOut = rest[0] === '.quarantine';
  const below = isOut ? rest.slice(1) : rest;
  const where = isOut ? `${top} quarantined` : top;
  if (below.length < FOLDERS.length) return `${where} ${FOLDERS[below.length]}`;
  const isRow = below.at(-1).endsWith('.json');
  return `${where} ${content ?? (isRow ? 'row' : 'bytes')}`;
}

function recordOf(rest, content) {
  if (rest.length === 0) return 'records folder';
  if (rest[0] === '.tmp') return rest.length === 1 ? null : `records/${content ?? '?'} temp`;
  if (!rest.at(-1).endsWith('.json')) return `records/${content ?? rest[0]} folder`;
  return `records/${content ?? rest[0].replace(/\.json$/, '')}`;
}

/** What a file is about to have: a row, a record, or else the bytes of a snapshot. */
export function contentOf(bytes) {
  const text = bytes.subarray(0, 11).toString();
  if (text !== '{"format":1') return 'bytes';
  const { value } = JSON.parse(bytes.toString());
  if (Array.isArray(value.snapshots)) return `deliveries (${value.state}${answersOf(value)})`;
  if ('commandDue' in value) return `peers (${value.state}${value.commandDue ? ', due' : ''})`;
  if ('contested' in value) return `ownership (${ownerOf(value)})`;
  if ('forced' in value) return `takeovers (${value.phase}, ${value.steps.at(-1).step})`;
  if ('learnedPeer' in value) return 'gateway';
  if ('place' in value) return rowOf(value);
  return 'other';
}

/** How many were answered: the record is written at each answer. */
function answersOf({ snapshots, ended }) {
  const answered = snapshots.filter(({ state }) => state !== 'pending').length;
  return `, ${answered} of ${snapshots.length}${ended === true ? ', ended' : ''}`;
}

/** Whose work it is, whether a change is reserved, and that it is only noted that we still do it, after it became ours. */
function ownerOf({ row, used, madeAt, ranUntil }) {
  const whose = row.owner === row.workload ? 'at home' : 'taken over';
  return `${whose}${used > row.epoch ? ', reserved' : ''}${ranUntil === null || ranUntil === madeAt ? '' : ', running'}`;
}

function rowOf({ place, deliveredBy, withdrawn }) {
  const what = [
    place === 'live' ? [] : place,
    deliveredBy === null ? [] : 'delivered',
    withdrawn ? 'withdrawal' : [],
  ].flat();
  return what.length === 0 ? 'row' : `row (${what.join(', ')})`;
}

/** What the first contact with a peer brings, and beats that come late on a busy machine: no part of any story. */
const UNSETTLED = ['peer-suspect', 'peer-up', 'snapshot-request'];

/** The types of the events in a batch of the log, or the kinds of decisions; nothing when none of them is told of. */
export function batchOf(bytes) {
  const types = bytes
    .toString()
    .split('\n')
    .flatMap((line) => (line === '' ? [] : [JSON.parse(line)]))
    .map(({ type, kind }) => type ?? kind);
  return types.filter((type) => !UNSETTLED.includes(type)).join(', ');
}

/** The answers that are promises; null for all others. */
export function answerOf({ method, originalUrl, url }, status) {
  const [path] = (originalUrl ?? url).split('?');
  if (method === 'PUT' && path.startsWith('/peer/v1/snapshots/')) return `answer ${status} to the peer's snapshot`;
  if (method === 'PUT' && path.startsWith('/v1/snapshots/')) return `answer ${status} to the application's snapshot`;
  if (method === 'POST' && path.endsWith('/ack')) return `answer ${status} to an acknowledgement`;
  return null;
}

/** A statement by what it changes; null for what only reads, or only sets a session up. */
export function statementOf(query) {
  const text = typeof query === 'string' ? query : (query?.text ?? '');
  const plain = text.replaceAll('"', '').replace(/\s+/g, ' ').trim();
  const [, what, table = ''] =
    /^(INSERT INTO|UPDATE|DELETE FROM|COPY|BEGIN|COMMIT|ROLLBACK)\b ?([\w.]+)?/.exec(plain) ?? [];
  if (what === undefined || /\bTO STDOUT\b/.test(plain)) return null;
  return `sql ${what} ${table.replace(/^.*\./, '')}`.trim();
}
