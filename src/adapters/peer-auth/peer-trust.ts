import type { TlsMaterial } from './tls-material.ts';
import type { KeyRing } from './key-ring.ts';
import { TokenAuthority } from './token-authority.ts';

/** What the proof of a peer rests on; both may be there, and then both are asked for. */
export interface TrustMaterial {
  readonly tls: TlsMaterial | null;
  readonly keys: KeyRing | null;
}

/**
 * How this gateway and its peers prove to each other who they are. The listener and the client share it; what it rests
 * on can be exchanged while both run. Whether there is TLS, and whether there are tokens, stays as it was at the start.
 */
export class PeerTrust {
  readonly dataCenter: string;
  /** Milliseconds since 1970: only a certificate's validity is a matter of the calendar. */
  readonly wallMs: () => number;
  readonly tokens: TokenAuthority | null;
  #tls: TlsMaterial | null;
  #generation = 1;
  readonly #onChange: (() => void)[] = [];

  constructor(dataCenter: string, wallMs: () => number, material: TrustMaterial = { tls: null, keys: null }) {
    this.dataCenter = dataCenter;
    this.wallMs = wallMs;
    this.#tls = material.tls;
    this.tokens = material.keys === null ? null : new TokenAuthority(dataCenter, material.keys);
  }

  get tls(): TlsMaterial | null {
    return this.#tls;
  }

  /** Rises with each change of certificates: what was connected under another is connected anew. */
  get generation(): number {
    return this.#generation;
  }

  /** Whether anybody is asked for a proof at all. */
  get isRequired(): boolean {
    return this.#tls !== null || this.tokens !== null;
  }

  /** Puts new material in force. What is missing in it stays as it is. */
  replace({ tls, keys }: Partial<TrustMaterial>): void {
    if (keys !== undefined && keys !== null) this.tokens?.replaceKeys(keys);
    if (tls === undefined || tls === null || this.#tls === null) return;
    this.#tls = tls;
    this.#generation += 1;
    for (const listener of this.#onChange) listener();
  }

  /** The listener is told, so that new connections are served with new certificates. */
  onTlsChanged(listener: () => void): void {
    this.#onChange.push(listener);
  }
}
