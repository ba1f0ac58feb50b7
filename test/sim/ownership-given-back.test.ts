import { expect } from 'chai';
import type { OwnershipView } from '../../src/ports/ownership-api.ts';
import { moveRequest } from './move-request.ts';
import type { SimGateway } from './sim-gateway.ts';
import { SimWorld } from './sim-world.ts';

const WORKLOAD = 'dc1';
const SETTINGS = { requestTimeoutMs: 10_000, releaseTimeoutMs: 1000 };

const rowAt = ({ gateway }: SimGateway): OwnershipView => gateway!.api.ownership.row(WORKLOAD);

async function move(world: SimWorld, at: SimGateway, to: string): Promise<void> {
  const moved = at.gateway!.api.ownership.move(moveRequest(WORKLOAD, to));
  await world.run(40_000);
  await moved;
}

/** A new disk. What was accepted on the old one is not there, and the oracle, which would miss it, looks on no more. */
function emptyDisk(world: SimWorld, { disk }: SimGateway): void {
  world.timeline.onStep = () => undefined;
  for (const part of [disk.snapshots, disk.records]) part.clear();
  for (const part of [disk.events, disk.history]) part.length = 0;
}

describe('a home data centre that lost its disk and was given its state back', () => {
  it('hands that over in the next move, though its application has posted nothing since', async () => {
    const world = new SimWorld({ seed: 3, names: ['dc1', 'dc2', 'dc3'], settings: SETTINGS });
    const [dc1, dc2, dc3] = world.gateways as [SimGateway, SimGateway, SimGateway];
    for (const gateway of [dc1, dc2]) gateway.start();
    await world.run(2000);
    dc1.application.post('orders');
    await world.run(2000);
    dc1.kill();
    await world.run(20_000);
    expect(rowAt(dc2)).to.include({ owner: 'dc2', primary: true });
    emptyDisk(world, dc1);
    dc1.start();
    await world.run(5000);
    await move(world, dc2, 'dc1');
    expect(rowAt(dc1)).to.include({ owner: 'dc1', primary: true });
    expect(dc1.application.absorbed).to.have.length(1);

    // Nobody else has it, and who gets it now never had.
    dc2.kill();
    dc3.start();
    await world.run(5000);
    await move(world, dc1, 'dc3');
    expect(rowAt(dc3)).to.include({ owner: 'dc3', reason: 'switchover', primary: true });
    expect(dc3.application.absorbed.map(({ origin }) => origin)).to.deep.equal(['orders']);
    const [held] = dc3.rows('held');
    expect(dc1.application.digests.get('orders')?.has(held?.sha256 ?? '')).to.equal(true);
  });
});
