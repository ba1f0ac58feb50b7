import { existsSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect } from 'chai';
import { PROJECT, projectFile } from '../../support/project.ts';
import { allDocuments } from './document.ts';

/** As GitHub makes them: small letters, no punctuation, blanks as hyphens. */
function anchorsOf(markdown: string): string[] {
  return [...markdown.matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

function linksOf(markdown: string): string[] {
  const prose = markdown.replaceAll(/^```[^]*?^```/gm, '').replaceAll(/`[^`\n]*`/g, '');
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
}

describe('the links between the documents', () => {
  for (const { path, text } of [...allDocuments(), ...others()]) {
    it(`of ${path} lead to what is there`, () => {
      for (const link of linksOf(text)) {
        if (/^https?:/.test(link)) continue;
        const [file = '', anchor] = link.split('#');
        const target = file === '' ? path : normalize(join(dirname(path), file));
        expect(existsSync(join(PROJECT, target)), `${path}: ${link}`).to.equal(true);
        if (anchor !== undefined) expect(anchorsOf(projectFile(target)), `${path}: ${link}`).to.include(anchor);
      }
    });
  }

  it('of the README reach every document', () => {
    const links = linksOf(projectFile('README.md'));
    for (const { path } of allDocuments()) if (path !== 'README.md') expect(links).to.include(path);
  });

  it('would be found broken', () => {
    expect(linksOf('See [a](b.md#c), `[not](this.md)`.\n```text\n[nor](that.md)\n```\n')).to.deep.equal(['b.md#c']);
    expect(anchorsOf("# One\n## The disk is full, or a store doesn't work\n")).to.deep.equal([
      'one',
      'the-disk-is-full-or-a-store-doesnt-work',
    ]);
  });
});

function others(): { path: string; text: string }[] {
  return ['docs/design/architecture.md', 'CHANGELOG.md'].map((path) => ({ path, text: projectFile(path) }));
}
