import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, rename, stat, unlink, type FileHandle } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { GatewayError } from '../../errors.ts';
import { systemCode } from './disk.ts';
import { ignore } from '../storage/lanes.ts';
import { askHolder, type Answer, type LockState } from './state-lock-wire.ts';
import { withStoreErrors } from './store-error.ts';

const LOCK_FOLDER = 'lock.d';
/** Only complete claims have this name; one that is being made begins with a dot. */
const CLAIM_NAME = /^(\d{1,10})-[0-9a-f]{16}\.sock$/;
const UNFINISHED_NAME = /^\.\d{1,10}-[0-9a-f]{16}\.sock$/;
/** How long a lower-named starter waits for a higher one to give way. */
const SETTLE_MS = 5000;
const POLL_MS = 10;
/** The path of a socket may have 107 bytes; a longer one goes through the descriptor of its folder. */
const LONGEST_SOCKET_PATH = 100;

/**
 * One process a state folder. The lock of a dead process never delays a start, and no process id decides anything:
 * the processes may live in different containers that share the folder, where ids mean different things.
 *
 * A claim is a listening socket in `lock.d`. The kernel closes it when its process dies, however it dies, and from then
 * on refuses connections: so whoever connects knows at once whether the claimant lives. A process
 *
 * 1. binds and listens under a name that nobody looks at, and then renames that to its claim. A visible claim always
 *    listens, so a refused connection always means death, and removing that file harms nobody;
 * 2. only then lists the folder and asks every other claim. Dead: removed. `holding`, or no answer in a second (a
 *    stopped process): we give way and say who it is. `acquiring`: the lower name goes on and waits until the other is
 *    gone or holds; the higher gives way;
 * 3. holds when nobody else is left.
 *
 * Of two that end in 3, one made its claim visible last; it listed the folder after that and saw the other, and could
 * go on only if the other was gone. So there are never two. Of several starters at once one succeeds: nobody gives way
 * but to a holder or to a lower name, and among those that acquire there is a lowest.
 *
 * The folder must be on a local disk: over a network file system a socket of another machine looks dead.
 */
export class StateLock {
  readonly #claim: Claim;
  #releasing: Promise<void> | null = null;

  private constructor(claim: Claim) {
    this.#claim = claim;
  }

  /**
   * @param stateFolder made when it is missing
   * @throws GatewayError `state-locked` with the facts `pid`, `host`, `startedAt` of the other; `store-unavailable`
   */
  static async acquire(stateFolder: string): Promise<StateLock> {
    return withStoreErrors('state', async () => {
      const folder = join(stateFolder, LOCK_FOLDER);
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const claim = await Claim.make(folder);
      try {
        await giveWayOrWin(claim);
        claim.state = 'holding';
        await claim.clearUnfinished();
        return new StateLock(claim);
      } catch (error) {
        await claim.withdraw();
        throw error;
      }
    });
  }

  /**
   * Looks, on a disk that takes no claim, whether somebody has the lock. It protects from nobody who comes later.
   * @throws GatewayError `state-locked` when a claim answers, or does not refuse; `store-unavailable`
   */
  static async assertFree(stateFolder: string): Promise<void> {
    await withStoreErrors('state', async () => {
      const folder = join(stateFolder, LOCK_FOLDER);
      const handle = await open(folder, 'r').catch((error: unknown) => {
        if (systemCode(error) === 'ENOENT') return null;
        throw error;
      });
      if (handle === null) return;
      try {
        for (const name of (await readdir(folder)).filter((one) => CLAIM_NAME.test(one))) {
          const other = await askHolder(socketPath(folder, name, handle.fd));
          if (other.kind === 'alive' || other.kind === 'silent') throw await lockedBy(folder, name, other);
        }
      } finally {
        await handle.close();
      }
    });
  }

  /** Idempotent. The lock is free when it resolves; it is free as well when the process just ends. */
  release(): Promise<void> {
    this.#releasing ??= this.#claim.withdraw();
    return this.#releasing;
  }
}

async function giveWayOrWin(mine: Claim): Promise<void> {
  const deadline = performance.now() + SETTLE_MS;
  for (;;) {
    let isAlone = true;
    for (const name of await mine.others()) {
      const other = await mine.ask(name);
      if (other.kind === 'dead') {
        await unlink(join(mine.folder, name)).catch(ignore);
        continue;
      }
      if (mustGiveWay(mine.name, name, other) || performance.now() > deadline)
        throw await lockedBy(mine.folder, name, other);
      isAlone = false;
    }
    if (isAlone) return;
    await delay(POLL_MS);
  }
}

function mustGiveWay(mine: string, theirs: string, other: Answer): boolean {
  switch (other.kind) {
    case 'alive':
      return other.state === 'holding' || theirs < mine;
    case 'silent':
      return true;
    case 'ending':
    case 'dead':
      return false;
  }
}

async function lockedBy(folder: string, name: string, other: Answer): Promise<GatewayError> {
  const pid = Number(CLAIM_NAME.exec(name)?.[1] ?? 0);
  // Of a stopped process the file tells when it started.
  const startedAt =
    other.kind === 'alive'
      ? other.startedAt
      : await stat(join(folder, name)).then(
          (found) => found.mtime.toISOString(),
          () => 'unknown',
        );
  const host = other.kind === 'alive' ? other.host : null;
  const how = other.kind === 'silent' ? ', which does not answer (is it stopped?)' : '';
  const where = host === null || host === hostname() ? '' : ` on ${host}`;
  return new GatewayError(
    'state-locked',
    `The folder is in use by process ${pid}${where}, started ${startedAt}${how}.`,
    {
      facts: { pid, host, startedAt, folder, answers: other.kind === 'alive' },
    },
  );
}

/** Our own listening socket in the lock folder. */
class Claim {
  readonly folder: string;
  readonly name: string;
  state: LockState = 'acquiring';
  readonly #handle: FileHandle;
  readonly #server: Server;

  private constructor(folder: string, name: string, parts: { handle: FileHandle; server: Server }) {
    this.folder = folder;
    this.name = name;
    this.#handle = parts.handle;
    this.#server = parts.server;
  }

  static async make(folder: string): Promise<Claim> {
    // Kept open until the end: the path through it is what the server removes when it closes.
    const handle = await open(folder, 'r');
    const name = `${process.pid}-${randomBytes(8).toString('hex')}.sock`;
    const server = createServer();
    const claim = new Claim(folder, name, { handle, server });
    const startedAt = new Date().toISOString();
    server.on('connection', (socket) => {
      socket.on('error', ignore);
      const answer = { pid: process.pid, startedAt, state: claim.state, host: hostname() };
      // Ended from our side at once: a questioner that was stopped must not keep us from closing.
      socket.end(`${JSON.stringify(answer)}\n`, () => socket.destroy());
      socket.unref();
    });
    try {
      await listening(server, claim.#socketPath(`.${name}`));
      await rename(join(folder, `.${name}`), join(folder, name));
    } catch (error) {
      await claim.withdraw();
      // A holder clears what it takes for left over; that there is one is all that we need to know.
      if (systemCode(error) !== 'ENOENT') throw error;
      throw new GatewayError('state-locked', 'The folder is in use by another process that has just started.', {
        cause: error,
      });
    }
    server.unref();
    return claim;
  }

  async others(): Promise<string[]> {
    const names = (await readdir(this.folder)).filter((name) => CLAIM_NAME.test(name));
    // Ours is gone when somebody removed the folder's content; then it protects nothing.
    if (!names.includes(this.name)) {
      throw new GatewayError('store-unavailable', 'The claim on the state folder was removed while it was made.', {
        facts: { folder: this.folder },
      });
    }
    return names.filter((name) => name !== this.name).sort();
  }

  ask(name: string): Promise<Answer> {
    return askHolder(this.#socketPath(name));
  }

  /** Removes what starters left that died between binding and renaming. One that is alive fails, as it would anyway. */
  async clearUnfinished(): Promise<void> {
    for (const name of await readdir(this.folder)) {
      if (UNFINISHED_NAME.test(name)) await unlink(join(this.folder, name)).catch(ignore);
    }
  }

  /** The name goes first: a claim that is seen must answer. */
  async withdraw(): Promise<void> {
    await unlink(join(this.folder, this.name)).catch(ignore);
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
    await this.#handle.close().catch(ignore);
  }

  #socketPath(name: string): string {
    return socketPath(this.folder, name, this.#handle.fd);
  }
}

/** @param descriptor of the folder, open for as long as the path is used */
function socketPath(folder: string, name: string, descriptor: number): string {
  const path = join(folder, name);
  return Buffer.byteLength(path) <= LONGEST_SOCKET_PATH ? path : `/proc/self/fd/${descriptor}/${name}`;
}

function listening(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.removeListener('error', reject);
      server.on('error', ignore);
      resolve();
    });
  });
}
