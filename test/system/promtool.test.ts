import { expect } from 'chai';
import { describeWithTool, runTool } from '../support/tools.ts';
import { sampledPeer, telemetryOver } from '../support/telemetry-sample.ts';

describeWithTool('promtool', 'promtool check metrics', (promtool) => {
  it('accepts what the gateway shows, before and after something happened', async () => {
    const telemetry = telemetryOver({ peers: [sampledPeer(), sampledPeer({ peer: 'dc3', state: 'down' })], open: 1 });
    const fresh = await telemetry.metricsText();
    telemetry.heartbeatRtt('dc2', 0.01);
    telemetry.snapshotSent('dc2', { encoding: 'identity', sentBytes: 1, rawBytes: 1, seconds: 1 });
    telemetry.ownPause(1);
    for (const text of [fresh, await telemetry.metricsText()]) {
      expect(runTool(promtool, ['check', 'metrics'], { input: text })).to.include({ status: 0, output: '' });
    }
  });

  it('would refuse a name that breaks the rules', () => {
    const text = '# HELP crossdc_peer_hears_us Test.\n# TYPE crossdc_peer_hears_us gauge\ncrossdc_peer_hears_us 1\n';
    const { status, output } = runTool(promtool, ['check', 'metrics'], { input: text });
    expect(status).not.to.equal(0);
    expect(output).to.include('abbreviated units');
  });
});
