import { expect } from 'chai';
import type { GatewayProcess } from '../gateway-process.ts';
import { freshBytes, sha256 } from '../test-app.ts';
import type { Story } from './enumerate.ts';
import type { FakePeer } from './fake-peer.ts';
import { assertClean, digestAt, filesOf, filesOfVersions, untilDone } from './look.ts';

export interface Received {
  readonly origin: string;
  readonly old: { readonly version: number; readonly digest: string } | null;
  readonly version: number;
  readonly bytes: Buffer;
  isAnswered: boolean;
}

export interface ReceiverOptions {
  readonly title: string;
  readonly hasOlder: boolean;
  readonly bytes: number;
  /** Where the rows of a database are looked at, a file store has files. */
  readonly isDatabase?: boolean;
  readonly important: readonly string[];
}

/** A snapshot comes from the peer, is held, and the version before is removed. */
export function receiverStory(victim: GatewayProcess, peer: FakePeer, options: ReceiverOptions): Story<Received> {
  const isWithdrawal = options.bytes === 0;

  const versions = async (origin: string): Promise<number[]> =>
    (await victim.history(peer.name)).filter((row) => row.origin === origin).map((row) => row.version);

  return {
    ...options,
    async prepare(origin) {
      const first = freshBytes(2000);
      if (options.hasOlder) expect((await peer.send({ origin, version: 1, bytes: first })).status).to.equal(200);
      const old = options.hasOlder ? { version: 1, digest: sha256(first) } : null;
      return { origin, old, version: 2, bytes: freshBytes(options.bytes), isAnswered: false };
    },

    async act(told) {
      const { origin, version, bytes, old } = told;
      const answer = await peer.send({ origin, version, bytes });
      expect(answer.status).to.equal(200);
      told.isAnswered = true;
      const left = [version, ...(isWithdrawal && old !== null ? [old.version] : [])];
      await untilDone(victim, 'the version before is dealt with', async () => {
        const isListed = String(await versions(origin)) === String(left);
        const files = filesOf(victim, 'held', [peer.name, peer.name, origin]);
        const isOnDisk = options.isDatabase === true || String(files) === String(filesOfVersions(...left));
        return isListed && isOnDisk ? true : undefined;
      });
    },

    async verify({ origin, old, version, bytes, isAnswered }) {
      const rows = await versions(origin);
      const isNew = rows[0] === version;
      if (isAnswered) expect(isNew, 'what was answered is there').to.equal(true);
      expect([old?.version, version, undefined]).to.include(rows[0]);
      if (old !== null) expect(rows.length, 'the old version or the new one').to.be.above(0);
      const digest = isWithdrawal ? null : sha256(bytes);
      const path = `/v1/peers/${peer.name}/snapshots/${origin}`;
      expect(await digestAt(victim, path), 'the old bytes or the new ones').to.equal(
        isNew ? digest : (old?.digest ?? null),
      );
      // The sender heard nothing, or an answer that it lost: it sends the same again.
      expect((await peer.send({ origin, version, bytes })).status).to.equal(200);
      expect(await digestAt(victim, path)).to.equal(digest);
      const next = freshBytes(500);
      expect((await peer.send({ origin, version: version + 1, bytes: next })).status).to.equal(200);
      expect(await digestAt(victim, path)).to.equal(sha256(next));
      await assertClean(victim);
    },
  };
}
