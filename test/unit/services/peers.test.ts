import { expect } from 'chai';
import type { Destination } from '../../../src/ports/peer-transport.ts';
import type { CommandOutcome } from '../../../src/core/events.ts';
import { FailoverCommand } from '../../../src/services/failover-command.ts';
import { Heartbeats } from '../../../src/services/heartbeats.ts';
import { HealthMonitor } from '../../../src/services/health-monitor.ts';
import { ApplicationHealth } from '../../../src/services/application-health.ts';
import type { Peer } from '../../../src/services/peer.ts';
import { settled } from '../adapters/local-api/manual-clock.ts';
import { Stage } from './stage.ts';

function only(stage: Stage): Peer {
  const [peer] = stage.peers.all;
  if (peer === undefined) throw new Error('there is no peer');
  return peer;
}

describe('the record of a peer', () => {
  for (const announcedMs of [30_000, Infinity]) {
    it(`keeps the interval that it announced (${announcedMs} ms), by which it is judged after a restart`, async () => {
      const stage = await new Stage().load();
      const peer = only(stage);
      peer.health = { ...peer.health, state: 'up', announcedMs };
      await stage.peerRecords.save(peer);
      const next = await new Stage({ disk: stage.disk }).load();
      expect(only(next).health.announcedMs).to.equal(announcedMs);
    });
  }
});

describe('the name of a peer', () => {
  const settings = { peers: [{ name: null, machines: ['dc2:1'] }] };

  it('is not learned from a snapshot', async () => {
    const stage = await new Stage({ settings }).load();
    const outcome = await stage.peers.identify('stranger', 'default', false).then(
      () => 'taken',
      () => 'refused',
    );
    expect(outcome).to.equal('refused');
    expect((await stage.peers.identify('dc2', 'default', true)).name).to.equal('dc2');
  });

  it('is learned whole before a second message under it is judged', async () => {
    const stage = await new Stage({ settings }).load();
    const [first, second] = [
      stage.peers.identify('dc2', 'default', true),
      stage.peers.identify('dc2', 'default', true),
    ];
    const peer = await second;
    peer.health = { ...peer.health, state: 'up' };
    await first;
    expect(peer.health.state).to.equal('up');
  });
});

describe('the failover command', () => {
  it('is run once for one death, however often that is pursued', async () => {
    const stage = await new Stage({ settings: { failoverCommand: 'true' } }).load();
    const ends: ((result: { outcome: CommandOutcome; exitStatus: number; detail: string }) => void)[] = [];
    const runner = {
      run: () => new Promise<{ outcome: CommandOutcome; exitStatus: number; detail: string }>((end) => ends.push(end)),
    };
    const command = new FailoverCommand(stage.context, { runner, events: stage.hub });
    command.peerDown(only(stage), () => undefined);
    await settled();
    command.peerDown(only(stage), () => undefined);
    await settled();
    expect(ends).to.have.length(1);
  });

  it('of a second death waits until that of the first has ended', async () => {
    const stage = await new Stage({ settings: { failoverCommand: 'true' } }).load();
    const ends: (() => void)[] = [];
    const succeeded = { outcome: 'succeeded' as const, exitStatus: 0, detail: '' };
    const runner = { run: () => new Promise<typeof succeeded>((end) => ends.push(() => end(succeeded))) };
    const command = new FailoverCommand(stage.context, { runner, events: stage.hub });
    command.peerDown(only(stage), () => undefined);
    await settled();
    command.callOff(only(stage));
    command.peerDown(only(stage), () => undefined);
    await settled();
    expect(ends).to.have.length(1);
    ends[0]?.();
    await settled();
    expect(ends).to.have.length(2);
  });
});

describe('a farewell', () => {
  it('is told when one machine took it, although another hangs', async () => {
    const settings = { peers: [{ name: 'dc2', machines: ['on:1', 'off:1'] }] };
    const stage = await new Stage({ settings }).load();
    const { context, peers, identity, peerRecords: records, hub: events } = stage;
    const answer = { dataCenterOrigin: 'dc2', heartbeatCnt: 1, incarnation: 1, inventory: '' };
    const transport = {
      sendMessage: ({ machine }: Destination) =>
        machine === 'on:1'
          ? Promise.resolve({ kind: 'answered' as const, answer, rttMs: 1 })
          : new Promise<never>(() => undefined),
      sendSnapshot: () => Promise.reject(new Error('not asked for')),
      inventory: () => Promise.reject(new Error('not asked for')),
      close: () => Promise.resolve(),
    };
    const monitor = new HealthMonitor(context, { peers, records, events });
    const heartbeats = new Heartbeats(context, {
      transport,
      peers,
      identity,
      monitor,
      health: new ApplicationHealth(context, null),
    });
    only(stage).health = { ...only(stage).health, state: 'up' };
    let untold: readonly string[] | null = null;
    void heartbeats.farewell(context.tasks.signal).then((labels) => (untold = labels));
    await settled();
    expect(untold).to.deep.equal([]);
  });
});
