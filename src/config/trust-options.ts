import * as kinds from './kinds.ts';
import type { Option } from './option.ts';

const ours = { group: 'ours', unit: null } as const;

/** How the peers know each other (interface §5), and how what is stored is kept from other eyes. */
export const TRUST_OPTIONS = {
  peerTlsCertFile: {
    ...ours,
    kind: kinds.path,
    default: null,
    example: '/etc/crossdc/tls.crt',
    doc: {
      meaning:
        "This data centre's certificate (PEM, with the chain up to the authority), for mutual TLS 1.3 between the peers. Its subject names the data centre: a URI crossdc://NAME, else a DNS name, else the common name. Needs peerTlsKeyFile and peerTlsCaFile. A file that changes is taken without a restart.",
    },
  },
  peerTlsKeyFile: {
    ...ours,
    kind: kinds.path,
    default: null,
    namesSecretFile: true,
    example: '/etc/crossdc/tls.key',
    doc: { meaning: 'The private key of that certificate (PEM). Only this user may be able to read the file.' },
  },
  peerTlsCaFile: {
    ...ours,
    kind: kinds.path,
    default: null,
    example: '/etc/crossdc/ca.crt',
    doc: {
      meaning:
        "The authority that signed the peers' certificates (PEM); several may be listed while one replaces another. No other authority is believed.",
    },
  },
  peerSharedKey: {
    ...ours,
    kind: kinds.peerKeys,
    default: null,
    isSecret: true,
    example: 'the-text-that-crossdc-keys-generate-made',
    doc: {
      meaning:
        'Signs every request between the peers and every answer. Of several keys the first signs and all verify, so that they can be exchanged without a gap. A file (peerSharedKeyFile) that changes is taken without a restart.',
    },
  },
  peerAuth: {
    ...ours,
    kind: kinds.oneOf('none', 'key', 'tls'),
    default: null,
    defaultSays: 'tls if peerTlsCertFile is set, else key if peerSharedKey is set, else none',
    example: 'key',
    doc: {
      meaning:
        'How peers prove who they are; both gateways must have the same. With the files of TLS and with keys, both are asked for whichever of the two is said here. none is allowed only where every address is a loopback address.',
    },
  },
  snapshotEncryptionKeyFile: {
    ...ours,
    kind: kinds.path,
    default: null,
    namesSecretFile: true,
    example: '/etc/crossdc/snapshots.keys',
    doc: {
      meaning:
        'A file with the keys that encrypt snapshots where they are stored, in files and in PostgreSQL alike, as crossdc keys generate --encryption makes it: the first key encrypts, all decrypt. Without it a snapshot is stored as the application posted it. Whoever loses the keys loses the snapshots.',
    },
  },
} as const satisfies Record<string, Option>;
