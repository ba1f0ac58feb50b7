import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PORT_IN_USE } from '../../errors.ts';
import { Children } from './children.ts';
import { DataCenter } from './data-center.ts';
import { freePorts } from './ports.ts';
import type { Site } from './settings.ts';
import type { Timeline } from './timeline.ts';
import { StepFailed, type Watch } from './watch.ts';

/** Everything that the story plays on. */
export interface Stage {
  readonly dc1: DataCenter;
  readonly dc2: DataCenter;
  readonly timeline: Timeline;
  readonly watch: Watch;
}

export const START_MS = 15_000;
const ATTEMPTS = 3;

/**
 * Starts both gateways on free ports. Between looking for a port and taking it somebody else can take it; then all of
 * it is tried again on others.
 */
export async function startGateways(of: {
  folder: string;
  children: Children;
  watch: Watch;
  findPorts?: typeof freePorts;
}): Promise<{ dc1: DataCenter; dc2: DataCenter }> {
  for (let attempt = 1; ; attempt += 1) {
    const [peer1 = 0, local1 = 0, peer2 = 0, local2 = 0] = await (of.findPorts ?? freePorts)(4);
    const dc1 = new DataCenter(siteOf('dc1', of.folder, [peer1, local1]), of.folder, of.children);
    const dc2 = new DataCenter(siteOf('dc2', of.folder, [peer2, local2]), of.folder, of.children);
    try {
      await Promise.all([dc1.startGateway(dc2.site), dc2.startGateway(dc1.site)]);
      for (const { name, client } of [dc1, dc2]) {
        await of.watch.until(`the gateway of ${name} answers`, START_MS, () => client.status());
      }
      return { dc1, dc2 };
    } catch (error) {
      if (!(error instanceof StepFailed) || attempt === ATTEMPTS || !(await lostPort([dc1, dc2]))) throw error;
      for (const { gateway } of [dc1, dc2]) gateway.send('SIGKILL');
      await Promise.all([dc1, dc2].map(({ gateway }) => gateway.untilEnded()));
    }
  }
}

/** The key of both, which is made before they are started. */
export function keyFileIn(folder: string): string {
  return join(folder, 'peer.keys');
}

function siteOf(name: string, folder: string, [peerPort, localPort]: readonly [number, number]): Site {
  return { name, peerPort, localPort, stateDirectory: join(folder, name), keyFile: keyFileIn(folder) };
}

async function lostPort(dataCenters: readonly DataCenter[]): Promise<boolean> {
  const logs = await Promise.all(dataCenters.map(({ gateway }) => readFile(gateway.logFile, 'utf8')));
  return logs.some((log) => log.includes(PORT_IN_USE));
}
