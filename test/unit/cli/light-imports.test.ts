import { expect } from 'chai';
import { existsSync, readFileSync } from 'node:fs';

const CLI = new URL('../../../src/cli/', import.meta.url);
/** What is loaded with a module: its imports and re-exports, not those of types only and not those that are awaited. */
const IMPORT = /^(?:import|export)\s(?!type\s)[^;]*?from\s+'([^']+)';|^import\s+'([^']+)';/gms;

/** Everything outside this program that is loaded together with a module. */
function foreignImports(start: string): Set<string> {
  const foreign = new Set<string>();
  const seen = new Set<string>();
  const queue = [new URL(start, CLI)];
  for (let url = queue.pop(); url !== undefined; url = queue.pop()) {
    if (seen.has(url.href)) continue;
    seen.add(url.href);
    expect(existsSync(url), url.href).to.equal(true);
    for (const match of readFileSync(url, 'utf8').matchAll(IMPORT)) {
      const name = match[1] ?? match[2] ?? '';
      if (name.startsWith('.')) queue.push(new URL(name, url));
      else foreign.add(name);
    }
  }
  return foreign;
}

describe('an operator command', () => {
  for (const file of [
    'main.ts',
    'status.ts',
    'events.ts',
    'deliver.ts',
    'ownership.ts',
    'failover.ts',
    'ack.ts',
    'return.ts',
    'watermarks.ts',
    'shutdown.ts',
    'snapshots.ts',
    'demo.ts',
    'run.ts',
    'snapshots/list.ts',
    'snapshots/get.ts',
    'snapshots/put.ts',
    'snapshots/delete.ts',
    'snapshots/request.ts',
    'keys.ts',
    'keys/generate.ts',
    'keys/rotate.ts',
    'keys/ca.ts',
    'keys/ca-init.ts',
    'keys/ca-issue.ts',
    'keys/inspect.ts',
    'demo/application.ts',
    'demo/leash.ts',
  ]) {
    it(`loads no package for ${file}, so that it starts fast`, () => {
      expect([...foreignImports(file)].filter((name) => !name.startsWith('node:'))).to.deep.equal([]);
    });
  }

  it('would be found out if it did', () => {
    expect([...foreignImports('../config/load.ts')]).to.include('valibot');
    // `keys ca init` and `keys ca issue` await this one when they are about to make a certificate.
    expect([...foreignImports('keys/certificate.ts')]).to.include.members(['reflect-metadata', '@peculiar/x509']);
  });
});
