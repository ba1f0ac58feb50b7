import { returnStory, takeoverStory } from '../support/kill-points/deliveries.ts';
import type { Lane } from '../support/kill-points/enumerate.ts';
import { receiverStory, type ReceiverOptions } from '../support/kill-points/receiver.ts';
import {
  around,
  beside,
  bytesOf,
  commitOf,
  DELIVERED,
  holdFirst,
  LARGE,
  ledgerOf,
  MORTAL,
  PATIENT,
  sending,
  takeFirstBack,
  TAKEN_OVER,
  takeFirstOver,
  useKillStage,
  WAITING_LANES,
} from '../support/kill-points/scenes.ts';

describe('A gateway that is killed before or after any durable step', () => {
  const { stage, killAt } = useKillStage('files');

  describe('while it takes a snapshot from its application', () => {
    const answered = around("answer 202 to the application's snapshot");
    const told = around('write events (snapshot-replicated)', 'sync events (snapshot-replicated)');

    it('has the first one of all whole or not at all', async () => {
      const folders = ['mkdir outgoing data centre folder', 'mkdir outgoing workload folder', 'sync outgoing root'];
      await killAt(
        sending(stage, {
          title: 'sender, the folders of the first snapshot',
          hasOlder: false,
          isFirstOfAll: true,
          bytes: 3000,
          only: /(root|data centre folder|workload folder)$/,
          important: around(...folders),
        }),
      );
    });

    it('has a small one of a new origin whole or not at all, and what was accepted reaches the peer', async () => {
      const folders = around('mkdir outgoing origin folder', 'sync outgoing workload folder');
      await killAt(
        sending(stage, {
          title: 'sender, small, new origin',
          hasOlder: false,
          bytes: 3000,
          important: [...folders, ...bytesOf('outgoing'), ...commitOf('outgoing'), ...answered, ...told],
        }),
      );
    });

    it('has the old version or a large new one while the old one is removed', async () => {
      const removed = around('unlink outgoing row', 'unlink outgoing bytes', 'write outgoing bytes temp (2)');
      await killAt(
        sending(stage, {
          title: 'sender, large, newer version',
          hasOlder: true,
          bytes: LARGE,
          important: [...bytesOf('outgoing'), ...commitOf('outgoing'), ...removed, ...answered, ...told],
        }),
      );
    });

    it('has the old version or its withdrawal', async () => {
      const aside = around('write outgoing row (set-aside) temp', 'rename outgoing row (set-aside)');
      await killAt(
        sending(stage, {
          title: 'sender, withdrawal',
          hasOlder: true,
          bytes: 0,
          important: [...commitOf('outgoing', 'row (withdrawal)'), ...aside, ...answered, ...told],
        }),
      );
    });
  });

  describe('while it takes a snapshot from its peer', () => {
    const answered = around("answer 200 to the peer's snapshot");
    const receiving = (options: ReceiverOptions): (() => Promise<Lane<unknown>>) =>
      beside(stage, {
        keys: () => Promise.resolve(PATIENT),
        first: holdFirst,
        story: (victim, peer) => receiverStory(victim, peer, options),
      });

    it('holds a small one of a new origin whole or not at all', async () => {
      const folders = around('mkdir held origin folder', 'sync held workload folder');
      await killAt(
        receiving({
          title: 'receiver, small, new origin',
          hasOlder: false,
          bytes: 3000,
          important: [...folders, ...bytesOf('held'), ...commitOf('held'), ...answered],
        }),
      );
    });

    it('holds the old version or a large new one while the old one is removed', async () => {
      const removed = around('unlink held row', 'unlink held bytes', 'write held bytes temp (2)');
      await killAt(
        receiving({
          title: 'receiver, large, newer version',
          hasOlder: true,
          bytes: LARGE,
          important: [...bytesOf('held'), ...commitOf('held'), ...removed, ...answered],
        }),
      );
    });

    it('holds the old version or its withdrawal', async () => {
      const aside = around('write held row (set-aside) temp', 'rename held row (set-aside)');
      await killAt(
        receiving({
          title: 'receiver, withdrawal',
          hasOlder: true,
          bytes: 0,
          important: [...commitOf('held', 'row (withdrawal)'), ...aside, ...answered],
        }),
      );
    });
  });

  describe('while it hands over', () => {
    it('delivers what a dead peer left at least once, and to the end', async () => {
      const important = [
        ...ledgerOf('peers (down, due)'),
        ...ledgerOf('peers (down)'),
        ...around('write events (peer-down)', 'sync events (peer-down)'),
        ...around('write held row (delivered) temp', 'rename held row (delivered)'),
        ...DELIVERED,
        ...TAKEN_OVER,
      ];
      await killAt(
        beside(stage, {
          keys: () => Promise.resolve(MORTAL),
          first: takeFirstOver,
          story: (victim, peer) => takeoverStory(victim, peer, { title: 'takeover', important }),
        }),
        WAITING_LANES,
      );
    });

    it('delivers what a peer gives back at least once, and to the end', async () => {
      const important = [
        ...bytesOf('returned'),
        ...commitOf('returned'),
        ...around("answer 200 to the peer's snapshot"),
        ...around('write returned row (delivered) temp', 'rename returned row (delivered)'),
        ...DELIVERED,
      ];
      await killAt(
        beside(stage, {
          keys: () => Promise.resolve(PATIENT),
          first: takeFirstBack,
          story: (victim, peer) => returnStory(victim, peer, { title: 'return', important }),
        }),
      );
    });
  });
});
