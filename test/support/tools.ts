import { spawnSync, type SpawnSyncOptionsWithStringEncoding } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** The path of a program of this machine, or null when it is not installed. */
export function findTool(name: string): string | null {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not here; perhaps in the next folder.
    }
  }
  return null;
}

/**
 * A suite that needs a program which may be missing. Without it the suite is one test whose title says that nothing ran,
 * so that a reader of the summary is not led to believe that it was checked. `.ci/run` installs every such program.
 */
export function describeWithTool(name: string, title: string, suite: (tool: string) => void): void {
  const tool = findTool(name);
  if (tool !== null) {
    describe(title, () => suite(tool));
    return;
  }
  describe(title, () => {
    it(`did not run: ${name} is not installed`, () => {
      console.log(`      ${title}: did not run, because ${name} is not installed`);
    });
  });
}

export interface ToolResult {
  readonly status: number;
  readonly stdout: string;
  /** Everything it printed: stdout, then stderr. */
  readonly output: string;
}

/** Runs a program to its end. One that was ended by a signal throws. */
export function runTool(
  tool: string,
  args: readonly string[],
  options: Pick<SpawnSyncOptionsWithStringEncoding, 'cwd' | 'env' | 'input' | 'timeout'> = {},
): ToolResult {
  const { status, signal, error, stdout, stderr } = spawnSync(tool, args, { ...options, encoding: 'utf8' });
  if (error !== undefined) throw error;
  if (status === null) throw new Error(`${tool} was ended by ${signal ?? 'a signal'}: ${stdout}${stderr}`);
  return { status, stdout, output: stdout + stderr };
}
