import { PeerTrust } from '../adapters/peer-auth/peer-trust.ts';
import { readTrust, trustOf, type TrustSources } from '../adapters/peer-auth/trust-files.ts';
import { TrustWatch } from '../adapters/peer-auth/trust-watch.ts';
import type { Config } from '../config/config.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { Closing } from './closing.ts';

export interface OpenedTrust {
  readonly trust: PeerTrust;
  /** Looks at once whether the files have something new. */
  readonly renew: () => void;
}

/**
 * What the peers prove themselves by, and the watch on its files.
 *
 * @throws TrustProblem that names the key and the file
 */
export async function openPeerTrust(
  config: Config,
  { clock, log, closing }: { readonly clock: Clock; readonly log: Log; readonly closing: Closing },
): Promise<OpenedTrust> {
  const sources = trustSourcesOf(config);
  const texts = await readTrust(sources);
  const material = await trustOf(texts, sources, config.dataCenter);
  const trust = new PeerTrust(config.dataCenter, () => clock.wallMs(), material);
  const watch = new TrustWatch({ clock, log, trust, sources }, texts);
  const ending = new AbortController();
  const running = watch.run(ending.signal);
  closing.add('watch on what peers prove themselves by', () => {
    ending.abort();
    return running;
  });
  return { trust, renew: () => void watch.look() };
}

export function trustSourcesOf({ peerTls, peerKeys }: Config): TrustSources {
  return { tls: peerTls, keys: peerKeys };
}
