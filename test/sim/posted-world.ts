import type { GatewaySettings } from '../../src/ports/settings.ts';
import { SimWorld } from './sim-world.ts';

/** Shorter than the defaults, so that a move that nobody answers is over in a virtual minute. */
const SETTINGS = { requestTimeoutMs: 10_000, releaseTimeoutMs: 1000 };

/** A world in which dc1 has posted something for its own work, and whoever is its peer holds it. */
export async function postedWorld(
  names: readonly string[],
  settings: Partial<GatewaySettings> = {},
  seed = 3,
): Promise<SimWorld> {
  const world = new SimWorld({ seed, names, settings: { ...SETTINGS, ...settings } });
  await world.begin();
  world.gateway('dc1').application.post('orders');
  await world.run(2000);
  return world;
}
