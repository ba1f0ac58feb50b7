import { EventSource } from 'eventsource';
const gateway = process.env.CROSSDC_URL ?? 'http://127.0.0.1:25090';
const state = { orders: 42 };
const post = () => fetch(`${gateway}/v1/snapshots/orders`, { method: 'PUT', body: JSON.stringify(state) });
const events = new EventSource(`${gateway}/v1/events`);
events.addEventListener('snapshot-request', post);
events.addEventListener('delivery', async ({ data }) => {
  for (const { href } of JSON.parse(data).delivery.snapshots) {
    Object.assign(state, { theirs: await (await fetch(gateway + href)).json() });
    await fetch(gateway + href.replace(/\?|$/, '/ack$&'), { method: 'POST' });
  }
});
events.addEventListener('takeover-completed', ({ data }) => {
  Object.assign(state, { epoch: JSON.parse(data).epoch }); // Now theirs is our work, and every write bears this epoch.
});
