import { KeyRing } from '../../src/adapters/peer-auth/key-ring.ts';
import { PeerTrust } from '../../src/adapters/peer-auth/peer-trust.ts';
import { TlsMaterial, type TlsFiles } from '../../src/adapters/peer-auth/tls-material.ts';
import { parsePeerKeys } from '../../src/core/peer-keys.ts';

export const KEY = 'a-key-of-the-tests-0123456789-abcdefgh';
export const OTHER_KEY = 'another-key-of-the-tests-9876543210-zyx';

export function ringOf(text: string, dataCenter: string): KeyRing {
  const keys = parsePeerKeys(text);
  if (keys instanceof Error) throw keys;
  return new KeyRing(keys, dataCenter);
}

/** What a gateway of this name proves itself by. */
export function trustWith(
  dataCenter: string,
  {
    keys,
    tls,
    wallMs = () => Date.now(),
  }: { readonly keys?: string; readonly tls?: TlsFiles; readonly wallMs?: () => number },
): PeerTrust {
  return new PeerTrust(dataCenter, wallMs, {
    keys: keys === undefined ? null : ringOf(keys, dataCenter),
    tls: tls === undefined ? null : new TlsMaterial(tls, dataCenter),
  });
}
