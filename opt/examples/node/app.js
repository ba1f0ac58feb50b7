// A small application beside its gateway: it counts, posts its count when it is asked for, and takes over the count of a
// data centre that died. Node.js 20, no packages. Start it with CROSSDC_URL (and CROSSDC_TOKEN) of its own gateway.
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

const gateway = process.env.CROSSDC_URL ?? 'http://127.0.0.1:25090';
const authorization = process.env.CROSSDC_TOKEN ? { authorization: `Bearer ${process.env.CROSSDC_TOKEN}` } : {};
const origin = 'counter';
// What was taken over is kept by data centre and set, not added: a delivery that comes twice changes nothing.
const state = { count: 0, takenOver: {} };

async function call(path, { headers, ...options } = {}) {
  const response = await fetch(gateway + path, { ...options, headers: { ...authorization, ...headers } });
  if (!response.ok) throw new Error(`${path} was answered ${response.status}: ${await response.text()}`);
  return response;
}

async function post() {
  const headers = { 'crossdc-position': `count=${state.count}`, 'content-type': 'application/json' };
  await call(`/v1/snapshots/${origin}`, { method: 'PUT', body: JSON.stringify(state), headers });
}

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
      const body = JSON.stringify({ reason: String(error) });
      await call(answerAt('reject'), { method: 'POST', body, headers: { 'content-type': 'application/json' } });
      continue;
    }
    // First our own state is safe, then the delivery is answered: a crash between the two only repeats it.
    await post();
    await call(answerAt('ack'), { method: 'POST' });
  }
}

function absorb({ reason, dataCenter }, snapshot, theirs) {
  if (!Number.isSafeInteger(theirs.count)) throw new Error('this is no state of ours');
  if (reason === 'return') state.count = Math.max(state.count, theirs.count);
  else state.takenOver[dataCenter] = theirs.count;
  console.log(`${reason} of ${snapshot.origin} from ${dataCenter}: ${theirs.count} at ${snapshot.position}`);
}

// Server-sent events by hand; any client for them will do, and the package `eventsource` is one.
async function follow() {
  const resume = resumeFrom === null ? {} : { 'last-event-id': resumeFrom };
  const response = await call('/v1/events', { headers: { accept: 'text/event-stream', ...resume } });
  let text = '';
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const lines = text.slice(0, end).split('\n');
      const { event, id, data } = Object.fromEntries(lines.map((line) => line.split(/: (.*)/)));
      text = text.slice(end + 2);
      if (event === 'snapshot-request') await post();
      if (event === 'delivery') await take(JSON.parse(data).delivery);
      resumeFrom = id ?? resumeFrom;
    }
  }
}

let resumeFrom = null;
setInterval(() => (state.count += 1), 100);
for (;;) {
  try {
    await post();
    await follow();
  } catch (error) {
    console.error(`${String(error)}; trying again`);
  }
  await sleep(1000);
}
