import { readdir, readFile, readlink } from 'node:fs/promises';
import { resolve } from 'node:path';

/**
 * Which process listens on a Unix socket, for a message: `process 4711 (node)`. null where the system does not tell:
 * it has no /proc, or the process is another user's.
 */
export async function socketHolder(path: string): Promise<string | null> {
  try {
    const inodes = listeningInodes(await readFile('/proc/net/unix', 'utf8'), [path, resolve(path)]);
    if (inodes.size === 0) return null;
    for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
      if (!(await hasSocket(pid, inodes))) continue;
      const name = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '');
      const shown = name.replaceAll(/[^\x20-\x7e]/g, '');
      return shown === '' ? `process ${pid}` : `process ${pid} (${shown})`;
    }
    return null;
  } catch {
    return null;
  }
}

/** `Num: RefCount Protocol Flags Type St Inode Path`, as proc(5) has it; of the flags that of a listener. */
const LINE = /^\S+: \S+ \S+ 00010000 \S+ \S+ +(\d+) (.+)$/;

function listeningInodes(table: string, paths: readonly string[]): ReadonlySet<string> {
  const found = table.split('\n').flatMap((line) => {
    const [, inode, path] = LINE.exec(line) ?? [];
    return inode !== undefined && path !== undefined && paths.includes(path) ? [`socket:[${inode}]`] : [];
  });
  return new Set(found);
}

async function hasSocket(pid: string, links: ReadonlySet<string>): Promise<boolean> {
  // Another user's process does not show what it has open; a process may end while we look.
  const descriptors = await readdir(`/proc/${pid}/fd`).catch(() => []);
  for (const descriptor of descriptors) {
    if (links.has(await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => ''))) return true;
  }
  return false;
}
