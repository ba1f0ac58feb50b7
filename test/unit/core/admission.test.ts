import { expect } from 'chai';
import { admit, type Admission } from '../../../src/core/admission.ts';
import type { StoredSnapshot } from '../../../src/core/snapshot.ts';
import { digestOf, row } from './snapshot-rows.ts';

describe('admit', () => {
  const five = (more: Partial<StoredSnapshot> = {}): StoredSnapshot => row(5, more);
  const rules: [
    name: string,
    newest: StoredSnapshot | undefined,
    version: number,
    sha256: string,
    answer: Admission,
  ][] = [
    ['stores the first of a key', undefined, 1, digestOf(1), { kind: 'store' }],
    ['stores a newer one', five(), 6, digestOf(6), { kind: 'store' }],
    ['stores a newer one over a withdrawal', five({ withdrawn: true }), 6, digestOf(6), { kind: 'store' }],
    ['refuses an older one and names what is there', five(), 4, digestOf(4), { kind: 'older', has: 5 }],
    [
      'refuses an older one also when the newest is lost: versions never go back',
      five({ place: 'lost' }),
      4,
      digestOf(4),
      { kind: 'older', has: 5 },
    ],
    [
      'refuses an older one also after a withdrawal',
      five({ withdrawn: true }),
      4,
      digestOf(4),
      { kind: 'older', has: 5 },
    ],
    ['knows the same one again', five(), 5, digestOf(5), { kind: 'same' }],
    ['knows the same one again wherever it lies', five({ place: 'set-aside' }), 5, digestOf(5), { kind: 'same' }],
    ['does not replay a rejected one', five({ place: 'quarantined' }), 5, digestOf(5), { kind: 'same' }],
    ['refuses the same version with other bytes', five(), 5, digestOf(9), { kind: 'conflict', has: 5 }],
    ['takes back the very one that was lost', five({ place: 'lost' }), 5, digestOf(5), { kind: 'store' }],
    [
      'refuses other bytes for the one that was lost',
      five({ place: 'lost' }),
      5,
      digestOf(9),
      { kind: 'conflict', has: 5 },
    ],
  ];
  for (const [name, newest, version, sha256, answer] of rules) {
    it(name, () => expect(admit(newest, { version, sha256 })).to.deep.equal(answer));
  }
});
