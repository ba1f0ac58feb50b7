import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { FILE_MAX_BYTES } from '../../../src/config/parser.ts';
import { readTextFile, tryRead } from '../../../src/config/read-file.ts';

describe('reading a file of the configuration', () => {
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'crossdc-config-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  const written = (content: string | Uint8Array): string => {
    const path = join(folder, 'a.conf');
    writeFileSync(path, content);
    return path;
  };

  it('gives its text', () => {
    expect(tryRead(readTextFile, written('a=é\n'))).to.deep.equal({ text: 'a=é\n' });
    expect(tryRead(readTextFile, written(''))).to.deep.equal({ text: '' });
  });

  it('takes what is just small enough, and refuses one byte more', () => {
    expect(readTextFile(written('#'.repeat(FILE_MAX_BYTES)))).to.have.length(FILE_MAX_BYTES);
    expect(tryRead(readTextFile, written('#'.repeat(FILE_MAX_BYTES + 1)))).to.deep.include({
      reason: 'it has more than 1048576 bytes',
    });
  });

  it('reads what has no size of its own, and never more than the bound', () => {
    expect(tryRead(readTextFile, '/dev/null')).to.deep.equal({ text: '' });
    expect(tryRead(readTextFile, '/dev/zero')).to.deep.include({ reason: 'it has more than 1048576 bytes' });
  });

  it('refuses bytes that are no UTF-8, instead of replacing them', () => {
    expect(tryRead(readTextFile, written(Uint8Array.of(0x61, 0x3d, 0xff)))).to.deep.include({
      reason: 'it is not UTF-8 text',
    });
  });

  it('says why a file cannot be read', () => {
    expect(tryRead(readTextFile, join(folder, 'none'))).to.deep.equal({
      code: 'ENOENT',
      reason: 'there is no such file',
    });
    expect(tryRead(readTextFile, folder)).to.deep.equal({ code: 'EISDIR', reason: 'it is a folder' });
    expect(tryRead(readTextFile, 'a\0b')).to.have.property('reason');
  });
});
