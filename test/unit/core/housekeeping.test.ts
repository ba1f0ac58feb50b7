import { expect } from 'chai';
import fc from 'fast-check';
import {
  archivedBytes,
  expired,
  firstLookMs,
  isClockSteady,
  isKeptForBytes,
  lookIntervalMs,
  type DamagedItem,
  type Removal,
} from '../../../src/core/housekeeping.ts';
import { keyText, type SnapshotPlace, type StoredSnapshot } from '../../../src/core/snapshot.ts';
import { isoTime } from '../../../src/ports/clock.ts';
import { KEY, row } from './snapshot-rows.ts';

const NOW = Date.UTC(2026, 0, 10);
const HOUR = 3_600_000;
const nobody = (): boolean => false;
const ago = (ms: number): string => isoTime(NOW - ms);

/** A row of the archive that has been there for so many hours. */
function old(version: number, place: SnapshotPlace, hours: number, more: Partial<StoredSnapshot> = {}): StoredSnapshot {
  return row(version, { place, placedAt: ago(hours * HOUR), ...more });
}

function gone(
  rows: readonly StoredSnapshot[],
  limits: { maxAgeMs?: number; maxBytes?: number },
  more: { damaged?: readonly DamagedItem[]; isPinned?: (row: StoredSnapshot) => boolean } = {},
): string[] {
  const { damaged = [], isPinned = nobody } = more;
  const all = { wallMs: NOW, maxAgeMs: Infinity, maxBytes: Infinity, ...limits };
  return expired(rows, damaged, isPinned, all).map((removal) =>
    removal.kind === 'version' ? `${removal.row.version} ${removal.why}` : `${removal.item.id} ${removal.why}`,
  );
}

describe('what is no longer to be kept', () => {
  it('is what has been in the archive for longer than it may, and nothing that is live', () => {
    const rows = [
      row(1),
      old(2, 'set-aside', 3),
      old(3, 'quarantined', 3),
      old(4, 'lost', 3),
      old(5, 'set-aside', 1),
      row(6),
    ];
    expect(gone(rows, { maxAgeMs: 2 * HOUR })).to.have.members(['2 age', '3 age', '4 age']);
    expect(gone(rows, {})).to.deep.equal([]);
  });

  it('is the oldest of what has no room, whatever its version', () => {
    const rows = [old(1, 'set-aside', 1), old(2, 'quarantined', 3), old(3, 'set-aside', 2), row(9)];
    expect(gone(rows, { maxBytes: 30 })).to.deep.equal([]);
    expect(gone(rows, { maxBytes: 29 })).to.deep.equal(['2 bytes']);
    expect(gone(rows, { maxBytes: 10 })).to.deep.equal(['2 bytes', '3 bytes']);
    expect(gone(rows, { maxBytes: 0 })).to.deep.equal(['2 bytes', '3 bytes', '1 bytes']);
  });

  it('is nothing that takes no room, where room is what lacks', () => {
    const rows = [old(1, 'lost', 9), old(2, 'set-aside', 3), row(9)];
    expect(gone(rows, { maxBytes: 0 })).to.deep.equal(['2 bytes']);
  });

  it('is damaged content too, by the same bounds', () => {
    const damaged = [
      { id: 'a', bytes: 10, at: ago(5 * HOUR) },
      { id: 'b', bytes: 10, at: ago(HOUR) },
    ];
    expect(gone([], { maxAgeMs: 2 * HOUR }, { damaged })).to.deep.equal(['a age']);
    expect(gone([old(1, 'set-aside', 3), row(2)], { maxBytes: 10 }, { damaged })).to.deep.equal(['a bytes', '1 bytes']);
  });

  it('is nothing that claims to be from the future, nor what has no time: the clock was wrong', () => {
    const damaged = [{ id: 'a', bytes: 10, at: ago(-900 * HOUR) }];
    const rows = [old(1, 'set-aside', -900), old(2, 'set-aside', 0, { placedAt: 'never' }), row(9)];
    expect(gone(rows, { maxAgeMs: 0 }, { damaged })).to.deep.equal([]);
    const both = [old(1, 'set-aside', -900), old(2, 'set-aside', 0), row(9)];
    expect(gone(both, { maxBytes: 10 }), 'as new as what came just now').to.deep.equal(['1 bytes']);
  });

  it('is nothing that somebody needs', () => {
    const rows = [old(1, 'set-aside', 9), old(2, 'quarantined', 9), row(9)];
    const isPinned = ({ version }: StoredSnapshot): boolean => version === 2;
    expect(gone(rows, { maxAgeMs: HOUR, maxBytes: 0 }, { isPinned })).to.deep.equal(['1 age']);
  });

  describe('is never the last good version', () => {
    const both = { maxAgeMs: HOUR, maxBytes: 0 };

    it('when all were set aside', () => {
      expect(gone([old(1, 'set-aside', 9), old(2, 'set-aside', 9)], both)).to.deep.equal(['1 age']);
    });

    it('when the newest was lost', () => {
      expect(gone([old(1, 'set-aside', 9), old(2, 'set-aside', 9), old(3, 'lost', 9)], both)).to.deep.equal(['1 age']);
    });

    it('when the newest was rejected: the one before may be the good one', () => {
      const rows = [old(1, 'set-aside', 9), old(2, 'set-aside', 9), old(3, 'quarantined', 9), old(4, 'quarantined', 9)];
      expect(gone(rows, both)).to.have.members(['1 age', '3 age']);
    });

    it('but one that is older than what is live may go', () => {
      expect(gone([old(1, 'set-aside', 9), row(2), old(3, 'quarantined', 9)], both)).to.deep.equal(['1 age']);
    });

    it('but when the application withdrew the origin, it goes by its age, not for its bytes', () => {
      const rows = [old(1, 'set-aside', 9), old(2, 'set-aside', 9), row(3, { withdrawn: true, bytes: 0 })];
      expect(gone(rows, { maxBytes: 0 })).to.deep.equal(['1 bytes']);
      expect(gone(rows, { maxAgeMs: HOUR })).to.have.members(['1 age', '2 age']);
    });
  });

  it('is no lost row that is the newest: the peer must learn that we lack it', () => {
    expect(gone([row(1), old(2, 'lost', 99)], { maxAgeMs: HOUR, maxBytes: 0 })).to.deep.equal([]);
    expect(gone([row(1), old(2, 'lost', 99), row(3)], { maxAgeMs: HOUR })).to.deep.equal(['2 age']);
  });

  it('is no newest row at all: the peer would send again what was set aside or rejected', () => {
    for (const place of ['set-aside', 'quarantined'] as const)
      expect(gone([row(1), old(2, place, 99)], { maxAgeMs: 0, maxBytes: 0 })).to.deep.equal([]);
  });

  it('is no withdrawal, unless something newer is live', () => {
    const withdrawal = old(2, 'set-aside', 99, { withdrawn: true, bytes: 0 });
    expect(gone([withdrawal, old(3, 'lost', 1)], { maxAgeMs: 0, maxBytes: 0 })).to.deep.equal([]);
    expect(gone([withdrawal, row(3)], { maxAgeMs: 0 })).to.deep.equal(['2 age']);
  });

  it('is no mark of a delivery while something older could be delivered after it', () => {
    const rejected = old(2, 'lost', 99, { deliveredBy: 'd1' });
    expect(gone([row(1), rejected, row(3)], { maxAgeMs: 0 })).to.deep.equal([]);
    expect(gone([rejected, row(3)], { maxAgeMs: 0 })).to.deep.equal(['2 age']);
    expect(gone([row(1), rejected, row(3, { deliveredBy: 'd2' })], { maxAgeMs: 0 })).to.deep.equal(['2 age']);
  });

  it('keeps the bounds or leaves only what is protected, and takes nothing that is', () => {
    const anyRow = fc.record({
      origin: fc.constantFrom('a', 'b', 'c'),
      version: fc.integer({ min: 1, max: 12 }),
      place: fc.constantFrom<SnapshotPlace>('live', 'set-aside', 'quarantined', 'lost'),
      withdrawn: fc.boolean(),
      isDelivered: fc.boolean(),
      bytes: fc.integer({ min: 1, max: 50 }),
      hours: fc.integer({ min: -5, max: 50 }),
      isPinned: fc.integer({ min: 0, max: 4 }).map((drawn) => drawn === 0),
    });
    const anyDamaged = fc.array(
      fc.record({ bytes: fc.integer({ min: 0, max: 50 }), hours: fc.integer({ min: -5, max: 50 }) }),
    );
    const anyRows = fc.uniqueArray(anyRow, {
      selector: ({ origin, version }) => `${origin} ${version}`,
      maxLength: 30,
    });
    const maxAge = fc.constantFrom(Infinity, 0, 5, 20);
    const maxBytes = fc.constantFrom(Infinity, 0, 20, 200);
    fc.assert(
      fc.property(anyRows, anyDamaged, maxAge, maxBytes, (drawn, damages, ageHours, most) => {
        const pinned = new Set<StoredSnapshot>();
        const rows = drawn.map(({ origin, version, place, withdrawn, bytes, hours, ...more }) => {
          const made = old(version, place, hours, {
            key: { ...KEY, origin },
            withdrawn,
            bytes: withdrawn ? 0 : bytes,
            deliveredBy: more.isDelivered ? 'd1' : null,
          });
          if (more.isPinned) pinned.add(made);
          return made;
        });
        const damaged = damages.map(({ bytes, hours }, i) => ({ id: String(i), bytes, at: ago(hours * HOUR) }));
        const limits = { wallMs: NOW, maxAgeMs: ageHours * HOUR, maxBytes: most };
        const isPinned = (one: StoredSnapshot): boolean => pinned.has(one);
        const removals = expired(rows, damaged, isPinned, limits);
        const isGone = (one: StoredSnapshot | DamagedItem): boolean =>
          removals.some((removal: Removal) => (removal.kind === 'version' ? removal.row : removal.item) === one);
        const left = rows.filter((one) => !isGone(one));
        const leftDamaged = damaged.filter((one) => !isGone(one));
        const sameKey = (one: StoredSnapshot, among: readonly StoredSnapshot[]): StoredSnapshot[] =>
          among.filter((other) => keyText(other.key) === keyText(one.key));

        for (const one of rows) {
          const siblings = sameKey(one, rows);
          const isNewest = siblings.every((other) => other.version <= one.version);
          if (one.place === 'live' || pinned.has(one) || isNewest) expect(left).to.include(one);
          const readable = siblings.filter((other) => other.place !== 'lost' && !other.withdrawn);
          const best = Math.max(...readable.map((other) => other.version));
          const isBeaten = siblings.some((other) => other.place === 'live' && other.withdrawn && other.version > best);
          if (one.version === best && !isBeaten && readable.includes(one)) expect(left).to.include(one);
        }
        const total = [...left.map(archivedBytes), ...leftDamaged.map(({ bytes }) => bytes)].reduce((a, b) => a + b, 0);
        if (total > most) {
          expect(leftDamaged.filter(({ bytes }) => bytes > 0)).to.deep.equal([]);
          for (const one of left.filter((other) => archivedBytes(other) > 0))
            expect(pinned.has(one) || isKeptForBytes(sameKey(one, left), one)).to.equal(true);
        }
        for (const { at } of leftDamaged) expect(NOW - Date.parse(at)).to.be.at.most(Math.max(0, limits.maxAgeMs));
        // What stays now stays at the next look: nothing that went protected something else.
        expect(expired(left, leftDamaged, isPinned, limits)).to.deep.equal([]);
      }),
      { numRuns: 500 },
    );
  });
});

describe('the looks', () => {
  it('are an hour apart, closer when things may be kept for less, never too close', () => {
    expect(lookIntervalMs(Infinity)).to.equal(HOUR);
    expect(lookIntervalMs(60_000)).to.equal(60_000);
    expect(lookIntervalMs(0)).to.equal(10_000);
  });

  it('begin a while after the start', () => {
    for (const random of [0, 0.999]) expect(firstLookMs(30 * 24 * HOUR, random)).to.be.within(30_000, 60_000);
    expect(firstLookMs(0, 0.999)).to.be.at.most(10_000);
  });

  it('do not believe a wall clock that jumped since the last one', () => {
    expect(isClockSteady({ now: 0, wallMs: NOW }, { now: HOUR, wallMs: NOW + HOUR + 30_000 })).to.equal(true);
    expect(isClockSteady({ now: 0, wallMs: NOW }, { now: HOUR, wallMs: NOW + 9 * HOUR })).to.equal(false);
    expect(isClockSteady({ now: 0, wallMs: NOW }, { now: HOUR, wallMs: NOW - HOUR })).to.equal(false);
  });
});
