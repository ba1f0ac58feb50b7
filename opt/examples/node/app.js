// A small application beside its gateway. Its work is to count: each number is an output that the world must see once,
// also when a data centre dies in between. It works on a workload only while its gateway says so, posts its state when it
// is asked to, says how far its outputs have got, and goes on where the dead one stopped. Node.js 20, no packages.
// CROSSDC_URL (and CROSSDC_TOKEN) name its own gateway.
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

const gateway = process.env.CROSSDC_URL ?? 'http://127.0.0.1:25090';
const authorization = process.env.CROSSDC_TOKEN ? { authorization: `Bearer ${process.env.CROSSDC_TOKEN}` } : {};
const origin = 'counter';
const LOOK_MS = 500;
const UNSURE_MS = 2000;

// By workload: `{ count, published, epoch }`, the epoch for which it was taken. State of another epoch is never gone on with.
const states = new Map();
// By workload: `{ epoch, confirmedAt }`, what is ours to do now.
const working = new Map();
let home = null;

async function call(path, { headers, body, ...options } = {}) {
  const json = body === undefined ? {} : { 'content-type': 'application/json' };
  const request = { signal: AbortSignal.timeout(10_000), ...options, body };
  const response = await fetch(gateway + path, { ...request, headers: { ...json, ...authorization, ...headers } });
  if (response.ok) return response;
  const { status } = response;
  throw Object.assign(new Error(`${path} was answered ${status}: ${await response.text()}`), { status });
}

// 1. Restore: of the newest version that can be used. Only where there never was one it begins at 0.
async function restore(workload, epoch) {
  const { origins, watermarks } = await (await call(`/v1/restore?workload=${workload}`)).json();
  const candidates = origins.find((one) => one.origin === origin)?.candidates ?? [];
  for (const { href } of candidates) {
    try {
      return stateOf(workload, epoch, JSON.parse(await (await call(href)).text()), watermarks);
    } catch (error) {
      // Damaged (409), gone (404) or none of ours: the version before. Whatever else it is may be over soon.
      if (error.status !== undefined && ![404, 409].includes(error.status)) throw error;
      if (error.status === undefined && !(error instanceof SyntaxError || error instanceof RangeError)) throw error;
    }
  }
  if (candidates.length > 0) throw new Error(`no version of ${origin} of ${workload} can be used`);
  return stateOf(workload, epoch, { count: 0 }, watermarks);
}

// The state is as old as its snapshot, the watermark is not: what was published since is counted again, and not published.
function stateOf(workload, epoch, theirs, watermarks) {
  const count = theirs?.count;
  if (!Number.isSafeInteger(count)) throw new RangeError('this is no state of ours');
  return { count, published: Math.max(count, watermarks[`${workload}.published`]?.seq ?? 0), epoch };
}

// 2. Put: the state, when it is asked for, and the last one before the work is given away.
async function post(workload) {
  const { count } = states.get(workload);
  const headers = { 'crossdc-position': `count=${count}` };
  const path = `/v1/snapshots/${origin}?workload=${workload}`;
  try {
    await (await call(path, { method: 'PUT', body: JSON.stringify({ count }), headers })).text();
  } catch (error) {
    // The work is somebody else's since we looked.
    if (error.status !== 409) throw error;
    stop(workload);
  }
}

// 3. Watermark: how far the outputs have got, with every heartbeat.
async function work() {
  for (;;) {
    await sleep(100);
    for (const [workload, { epoch, confirmedAt }] of working) {
      // Nobody has confirmed it for a while: by now it may be somebody else's.
      if (performance.now() - confirmedAt > UNSURE_MS) continue;
      const state = states.get(workload);
      state.count += 1;
      if (state.count <= state.published) continue;
      publish(workload, epoch, state.count);
      state.published = state.count;
      await mark(workload).catch(complain);
    }
  }
}

async function mark(workload) {
  const body = JSON.stringify({ seq: states.get(workload).published });
  await call(`/v1/watermarks/${workload}.published`, { method: 'PUT', body });
}

// Whatever takes the output gets the epoch with it, and refuses one that is lower than the highest it has seen.
function publish(workload, epoch, output) {
  console.log(`${workload} epoch=${epoch} output=${output}`);
}

// 4. Ack: what a delivery brought is absorbed. It is set, not added: a delivery that comes twice changes nothing.
async function take(delivery) {
  for (const snapshot of delivery.snapshots) {
    if (snapshot.state !== 'pending') continue;
    const bytes = Buffer.from(await (await call(snapshot.href)).arrayBuffer());
    if (createHash('sha256').update(bytes).digest('hex') !== snapshot.sha256)
      throw new Error('another version is offered');
    // The href may have a query; the last step of the path comes before it.
    const answerAt = (word) => snapshot.href.replace(/\?|$/, `/${word}$&`);
    try {
      absorb(delivery, snapshot, JSON.parse(bytes.toString()));
    } catch (error) {
      await call(answerAt('reject'), { method: 'POST', body: JSON.stringify({ reason: String(error) }) });
      continue;
    }
    // First our own word says how far the work has got: should we die now, restore has it.
    if (delivery.reason !== 'manual') await mark(delivery.workload);
    await call(answerAt('ack'), { method: 'POST' });
  }
}

function absorb({ reason, dataCenter, workload, epoch, watermarks }, snapshot, theirs) {
  const state = stateOf(workload, epoch, theirs, watermarks);
  const known = states.get(workload);
  // One by hand is only looked at; and what we have gone on with is newer than what it was made from.
  const isNewer = known?.epoch !== epoch || known.count < state.count;
  if (reason !== 'manual' && isNewer) states.set(workload, state);
  console.log(`${reason} of ${snapshot.origin} from ${dataCenter}: ${state.count} at ${snapshot.position}`);
}

// Whether the work is ours is asked again and again: that needs no event, and outlives whatever happens to the stream.
async function look() {
  const rows = await (await call('/v1/ownership')).json();
  home = rows[0].workload;
  for (const { workload } of rows) {
    const askedAt = performance.now();
    const { isOurs, epoch } = await primary(workload);
    if (isOurs) await start(workload, epoch, askedAt);
    else stop(workload);
  }
}

async function primary(workload) {
  const request = { method: 'HEAD', signal: AbortSignal.timeout(1000) };
  const response = await fetch(`${gateway}/primary?workload=${workload}`, request);
  return { isOurs: response.status === 200, epoch: Number(response.headers.get('crossdc-epoch')) };
}

async function start(workload, epoch, confirmedAt) {
  const isNews = working.get(workload)?.epoch !== epoch;
  if (isNews && states.get(workload)?.epoch !== epoch) states.set(workload, await restore(workload, epoch));
  working.set(workload, { epoch, confirmedAt });
  if (!isNews) return;
  console.log(`working on ${workload} epoch=${epoch} from count=${states.get(workload).count}`);
  await post(workload);
}

function stop(workload) {
  if (working.delete(workload)) console.log(`stopped ${workload}`);
}

// `/primary` was 503 before this was said, so we may have stopped by ourselves: the last state goes with the work all the same.
async function release(workload) {
  stop(workload);
  const { epoch } = await primary(workload);
  if (states.get(workload)?.epoch === epoch) await post(workload);
  // 409: its time was over, or it was called off.
  await call(`/v1/ownership/${workload}/released`, { method: 'POST' }).catch(complain);
}

async function handle(event) {
  const { type, workload = home } = event;
  if (type === 'snapshot-request' && working.has(workload)) await post(workload);
  if (type === 'delivery' && event.delivery.state === 'open') await take(event.delivery);
  if (type === 'owner-releasing') await release(workload);
  if (type === 'superseded') stop(workload);
  if (type === 'takeover-completed') await look();
}

// One thing at a time: a workload must not be started and stopped at once.
let turn = Promise.resolve();
function inTurn(task) {
  const done = turn.then(task);
  turn = done.catch(() => undefined);
  return done;
}

function complain(error) {
  console.error(`${String(error)}; going on`);
}

// Server-sent events by hand; any client for them will do, and the package `eventsource` is one.
let resumeFrom = null;
async function follow() {
  const resume = resumeFrom === null ? {} : { 'last-event-id': resumeFrom };
  const headers = { accept: 'text/event-stream', ...resume };
  const response = await call('/v1/events', { headers, signal: new AbortController().signal });
  let text = '';
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const { id, data } = Object.fromEntries(
        text
          .slice(0, end)
          .split('\n')
          .map((line) => line.split(/: (.*)/)),
      );
      text = text.slice(end + 2);
      // Should it fail, the next connection goes on behind it; deliveries that are open are announced on each.
      resumeFrom = id ?? resumeFrom;
      if (data !== undefined) await inTurn(() => handle(JSON.parse(data)));
    }
  }
}

async function forever(task, pauseMs) {
  for (;;) {
    await task().catch(complain);
    await sleep(pauseMs);
  }
}

await Promise.all([forever(() => inTurn(look), LOOK_MS), forever(follow, 1000), work()]);
