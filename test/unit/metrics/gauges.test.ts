import { expect } from 'chai';
import { sampledPeer, telemetryOver } from '../../support/telemetry-sample.ts';
import { seriesOf } from './metrics-text.ts';

describe('gauges', () => {
  it('tell the state of each peer at the moment of the scrape', async () => {
    const state = { peers: [sampledPeer()], open: 0 };
    const telemetry = telemetryOver(state);
    await telemetry.metricsText();
    state.peers = [sampledPeer({ state: 'down' })];
    const series = seriesOf(await telemetry.metricsText());
    expect(series.get('crossdc_peer_up{peer="dc2"}')).to.equal(0);
    expect(series.get('crossdc_peer_state{peer="dc2",state="down"}')).to.equal(1);
    for (const other of ['unknown', 'up', 'suspect', 'left']) {
      expect(series.get(`crossdc_peer_state{peer="dc2",state="${other}"}`), other).to.equal(0);
    }
  });

  it('call a peer up only in the state up', async () => {
    const up = async (state: 'up' | 'suspect' | 'unknown' | 'left'): Promise<number | undefined> => {
      const series = seriesOf(await telemetryOver({ peers: [sampledPeer({ state })], open: 0 }).metricsText());
      return series.get('crossdc_peer_up{peer="dc2"}');
    };
    expect(await up('up')).to.equal(1);
    expect(await up('suspect')).to.equal(0);
    expect(await up('unknown')).to.equal(0);
    expect(await up('left')).to.equal(0);
  });

  it('give times in seconds since 1970 and what is held and pending', async () => {
    const peers = [sampledPeer({ pending: 3, lagSeconds: 12.5, incarnations: 2 })];
    const series = seriesOf(await telemetryOver({ peers, open: 4 }).metricsText());
    expect(series.get('crossdc_peer_last_heartbeat_timestamp_seconds{peer="dc2"}')).to.equal(1_700_000_000.5);
    expect(series.get('crossdc_held_snapshot_newest_timestamp_seconds{peer="dc2"}')).to.equal(1_700_000_000);
    expect(series.get('crossdc_held_snapshots{peer="dc2"}')).to.equal(2);
    expect(series.get('crossdc_held_snapshot_bytes{peer="dc2"}')).to.equal(4096);
    expect(series.get('crossdc_snapshots_pending{peer="dc2"}')).to.equal(3);
    expect(series.get('crossdc_snapshot_replication_lag_seconds{peer="dc2"}')).to.equal(12.5);
    expect(series.get('crossdc_peer_incarnations{peer="dc2"}')).to.equal(2);
    expect(series.get('crossdc_deliveries_open')).to.equal(4);
  });

  it('have no series for what is not known', async () => {
    const peers = [sampledPeer({ lastHeartbeatMs: null, hearsUs: null, heldNewestMs: null })];
    const names = [...seriesOf(await telemetryOver({ peers, open: 0 }).metricsText()).keys()].join('\n');
    expect(names).not.to.include('crossdc_peer_last_heartbeat_timestamp_seconds');
    expect(names).not.to.include('crossdc_peer_hears_this_gateway');
    expect(names).not.to.include('crossdc_held_snapshot_newest_timestamp_seconds');
  });

  it('tell whether the peer hears us as 0 or 1', async () => {
    const state = { peers: [sampledPeer({ hearsUs: false })], open: 0 };
    const telemetry = telemetryOver(state);
    const name = 'crossdc_peer_hears_this_gateway{peer="dc2"}';
    expect(seriesOf(await telemetry.metricsText()).get(name)).to.equal(0);
    state.peers = [sampledPeer({ hearsUs: true })];
    expect(seriesOf(await telemetry.metricsText()).get(name)).to.equal(1);
  });

  it('leave no series behind when a name was learned', async () => {
    const state = { peers: [sampledPeer({ peer: '127.0.0.1:25191' })], open: 0 };
    const telemetry = telemetryOver(state);
    await telemetry.metricsText();
    state.peers = [sampledPeer()];
    const series = seriesOf(await telemetry.metricsText());
    expect(series.has('crossdc_peer_up{peer="127.0.0.1:25191"}')).to.equal(false);
    expect(series.get('crossdc_peer_up{peer="dc2"}')).to.equal(1);
  });

  it('say what each store keeps and offers to nobody, and when everything was last verified', async () => {
    const archives = [
      { store: 'outgoing', bytes: 0 },
      { store: 'held', bytes: 4096 },
    ];
    const state = { peers: [], open: 0, archives, scrubCompletedMs: null as number | null };
    const telemetry = telemetryOver(state);
    const before = seriesOf(await telemetry.metricsText());
    expect(before.get('crossdc_archive_bytes{store="held"}')).to.equal(4096);
    expect(before.get('crossdc_archive_bytes{store="outgoing"}')).to.equal(0);
    expect(before.has('crossdc_scrub_last_completed_timestamp_seconds')).to.equal(false);
    state.scrubCompletedMs = 1_700_000_000_500;
    const after = seriesOf(await telemetry.metricsText());
    expect(after.get('crossdc_scrub_last_completed_timestamp_seconds')).to.equal(1_700_000_000.5);
  });

  it('are asked for once in a scrape, however many they are', async () => {
    let asked = 0;
    const state = {
      get peers() {
        asked += 1;
        return [sampledPeer()];
      },
      open: 0,
    };
    await telemetryOver(state).metricsText();
    expect(asked).to.equal(1);
  });

  it('are there before the gateway is built', async () => {
    const series = seriesOf(await telemetryOver(null).metricsText());
    expect(series.get('crossdc_deliveries_open')).to.equal(0);
    expect(series.get('crossdc_build_info{version="1.2.3"}')).to.equal(1);
    expect([...series.keys()].filter((name) => name.includes('peer='))).to.deep.equal([]);
  });
});
