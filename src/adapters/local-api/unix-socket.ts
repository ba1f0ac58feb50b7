import { once } from 'node:events';
import { chmodSync, existsSync, lstatSync, unlinkSync, type Stats } from 'node:fs';
import type { Server } from 'node:http';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { messageOf } from '../../errors.ts';
import { socketHolder } from './socket-holder.ts';

/** The user and the group of the process may connect. */
const MODE = 0o660;
/** While the socket is made nobody else may, whatever the umask of the process. */
const MAKING_UMASK = 0o007;

/**
 * Listens on a Unix socket, which nobody but the process's user and group can open from its first instant on. What a
 * dead process left at that path is replaced; what a live one has, and what is no socket, stays. The file goes when
 * the server closes.
 *
 * @throws Error whose message begins with the path and says what is in the way
 */
export async function listenOnSocket(server: Server, path: string): Promise<void> {
  await clearTheWay(path);
  const failed = once(server, 'listening').then(
    () => null,
    (error: unknown) => error,
  );
  // The file is made before listen() returns, and with it goes the umask back, which the whole process has in common.
  const umask = process.umask(MAKING_UMASK);
  try {
    server.listen({ path });
  } finally {
    process.umask(umask);
  }
  // Not listening: the file there is somebody else's.
  if (server.listening) chmodSync(path, MODE);
  const error = await failed;
  if (error !== null) throw new Error(bindProblem(path, error), { cause: error });
}

/** Removes the socket of a dead process. @throws Error when something else is there */
async function clearTheWay(path: string): Promise<void> {
  const found = statusOf(path);
  if (found === undefined) {
    // The system would speak of rights where there is no folder.
    if (existsSync(dirname(path))) return;
    throw new Error(
      `${path} needs the folder ${dirname(path)}, which is not there: make it, for those who may use the API`,
    );
  }
  if (!found.isSocket()) throw new Error(`${path} is there and is no socket: move it away, or name another path`);
  const answer = await knock(path);
  if (answer === 'EACCES' || answer === 'EPERM')
    throw new Error(`${path} is the socket of another user: stop that program, or name another path`);
  if (answer === 'ECONNREFUSED') removeSame(path, found);
  else if (answer !== 'ENOENT')
    throw new Error(`${path} is in use by ${(await socketHolder(path)) ?? 'another program'}`);
}

/** Only what nobody answered at, not what another process has put in its place meanwhile. */
function removeSame(path: string, dead: Stats): void {
  const now = statusOf(path);
  if (now === undefined) return;
  if (now.ino !== dead.ino || now.ctimeMs !== dead.ctimeMs)
    throw new Error(`${path} is being taken by another program just now`);
  try {
    unlinkSync(path);
  } catch (error) {
    throw new Error(`${path} was left by a dead process and cannot be removed: ${messageOf(error)}`, { cause: error });
  }
}

function statusOf(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch (error) {
    throw new Error(`${path} cannot be looked at: ${messageOf(error)}`, { cause: error });
  }
}

/** What a connection there came to: the code of its error, or null when somebody took it. */
async function knock(path: string): Promise<string | null> {
  const socket = connect({ path });
  try {
    await once(socket, 'connect');
    return null;
  } catch (error) {
    return codeOf(error);
  } finally {
    socket.destroy();
  }
}

function bindProblem(path: string, error: unknown): string {
  switch (codeOf(error)) {
    case 'EADDRINUSE':
      return `${path} was taken by another program just now`;
    case 'EACCES':
    case 'EPERM':
      return `${path} may not be made by this user`;
    default:
      return `${path} cannot be opened: ${messageOf(error)}`;
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
