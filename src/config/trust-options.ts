import * as kinds from './kinds.ts';
import type { Option } from './option.ts';

const ours = { group: 'ours', availableFrom: 'now', unit: null } as const;
const later = { group: 'ours', availableFrom: 'later', unit: null } as const;

/** How the peers know each other (interface §5). */
export const TRUST_OPTIONS = {
  peerTlsCertFile: {
    ...later,
    kind: kinds.anyText,
    default: null,
    example: '/etc/crossdc/tls.crt',
    doc: { meaning: "This data centre's certificate, for mutual TLS between the peers." },
  },
  peerTlsKeyFile: {
    ...later,
    kind: kinds.anyText,
    default: null,
    example: '/etc/crossdc/tls.key',
    doc: { meaning: 'The private key of that certificate.' },
  },
  peerTlsCaFile: {
    ...later,
    kind: kinds.anyText,
    default: null,
    example: '/etc/crossdc/ca.crt',
    doc: { meaning: "The authority that signed the peers' certificates." },
  },
  peerSharedKey: {
    ...later,
    kind: kinds.anySecret,
    default: null,
    isSecret: true,
    example: 'a-long-random-text',
    doc: { meaning: 'Signs every request between the peers; several keys may be listed for rotation.' },
  },
  peerAuth: {
    ...ours,
    kind: kinds.oneOf('none', 'key', 'tls'),
    default: 'none',
    doc: {
      meaning:
        'How peers prove who they are. none is allowed only where every address is a loopback address. key and tls are not built yet in this version and are refused.',
    },
  },
} as const satisfies Record<string, Option>;
