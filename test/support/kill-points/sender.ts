import { rmSync } from 'node:fs';
import { expect } from 'chai';
import type { GatewayProcess, Receipt } from '../gateway-process.ts';
import { untilShown } from '../seen.ts';
import { freshBytes, sha256 } from '../test-app.ts';
import type { Story } from './enumerate.ts';
import { assertClean, digestAt, filesOf, filesOfVersions, untilDone, untilEvent } from './look.ts';

export interface Sent {
  readonly origin: string;
  /** The version before, which the peer has; null when the origin is new. */
  readonly old: { readonly version: number; readonly digest: string } | null;
  readonly bytes: Buffer;
  /** The version that was answered with 202. */
  answered: number | null;
}

export interface SenderOptions {
  readonly title: string;
  readonly only?: RegExp;
  /** The gateway has nothing at all before: its state is removed. */
  readonly isFirstOfAll?: boolean;
  readonly hasOlder: boolean;
  readonly bytes: number;
  readonly important: readonly string[];
}

/** A snapshot of the application is accepted, replicated to the peer, and the version before removed. */
export function senderStory(victim: GatewayProcess, peer: GatewayProcess, options: SenderOptions): Story<Sent> {
  const isWithdrawal = options.bytes === 0;
  const path = (origin: string): string => `/v1/snapshots/${origin}`;

  const newestAt = async (gateway: GatewayProcess, origin: string): Promise<number> => {
    const listed = (await gateway.api('/v1/snapshots')).json() as { origin: string; version: number }[];
    return listed.find((row) => row.origin === origin)?.version ?? 0;
  };
  const heldNewest = async (origin: string): Promise<number> =>
    (await peer.held(victim.name)).find((row) => row.origin === origin)?.version ?? 0;

  return {
    ...options,
    async prepare(origin) {
      if (options.isFirstOfAll === true) await startAnew(victim);
      const first = freshBytes(2000);
      const old = options.hasOlder
        ? { version: await victim.putReplicated(origin, first), digest: sha256(first) }
        : null;
      return { origin, old, bytes: freshBytes(options.bytes), answered: null };
    },

    async act(told) {
      const { origin, old } = told;
      const answer = await victim.put(origin, told.bytes);
      expect(answer.status).to.equal(202);
      const { version } = answer.json() as Receipt;
      told.answered = version;
      await untilEvent(victim, 'snapshot-replicated', (event) => event.origin === origin && event.version === version);
      // A withdrawal sets the version before aside and keeps it; anything else removes it.
      const left = filesOfVersions(version, ...(isWithdrawal && old !== null ? [old.version] : []));
      await untilDone(victim, 'the version before is dealt with', async () =>
        String(filesOf(victim, 'outgoing', [victim.name, victim.name, origin])) === String(left) ? true : undefined,
      );
    },

    async verify({ origin, old, bytes, answered }) {
      const version = await newestAt(victim, origin);
      if (answered !== null) expect(version, 'what was answered is there').to.equal(answered);
      else expect(version).to.be.at.least(old?.version ?? 0);
      const isOld = version === (old?.version ?? 0);
      const digest = isOld ? (old?.digest ?? null) : isWithdrawal ? null : sha256(bytes);
      expect(await digestAt(victim, path(origin)), 'the old bytes or the new ones').to.equal(digest);
      await untilShown(
        `version ${version} at the peer`,
        async () => (await heldNewest(origin)) === version || undefined,
      );
      expect(await digestAt(peer, `/v1/peers/${victim.name}/snapshots/${origin}`)).to.equal(digest);
      const next = freshBytes(500);
      expect(await victim.putReplicated(origin, next)).to.be.above(version);
      expect(await digestAt(peer, `/v1/peers/${victim.name}/snapshots/${origin}`)).to.equal(sha256(next));
      await assertClean(victim);
    },
  };
}

/** The origin is new; the folders above its own are there. Only the very first snapshot of a gateway finds none. */
async function startAnew(victim: GatewayProcess): Promise<void> {
  await victim.kill9();
  rmSync(victim.stateFolder, { recursive: true });
  await victim.start();
}
