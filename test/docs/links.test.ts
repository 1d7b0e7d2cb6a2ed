/** Every link of every page has a target. */

import { anchorsOf, brokenLinks, linksOf } from './links.js';
import { allPages } from './pages.js';

it('every link of the pages has a target', () => {
  const pages = allPages();
  expect(pages.flatMap(({ text }) => linksOf(text)).length).toBeGreaterThan(10);
  expect(brokenLinks(pages)).toEqual([]);
});

describe('the check itself', () => {
  const wrong = (text: string, path = 'docs/page.md') => brokenLinks([{ path, text }]);

  it.each([
    ['a file that is not there', '[x](nothing.md)', 'there is no docs/nothing.md'],
    ['a picture that is not there', '![x](pictures/none.png)', 'there is no docs/pictures/none.png'],
    ['a picture in HTML', '<img src="none.png">', 'there is no docs/none.png'],
    ['a heading that is not there', '[x](../README.md#nothing)', 'README.md has no heading #nothing'],
    ['a heading of this page', '# One\n[x](#two)', 'docs/page.md has no heading #two'],
    ['what is outside of the repository', '[x](../../other.md)', '../../other.md leaves the repository'],
    ["the server's root", '[x](/README.md)', '/README.md begins with a slash'],
    ['an address without TLS', '[x](http://example.com)', 'http://example.com is no https address'],
    ['what a name stands for', '[x][y]\n\n[y]: nothing.md', 'there is no docs/nothing.md'],
  ])('finds %s', (_what, text, problem) => {
    expect(wrong(text)).toEqual([expect.stringContaining(problem)]);
  });

  it('follows paths, and ignores code', () => {
    const good = '# One `two`\n[x](#one-two) [y](../README.md) `[z](none.md)`\n```js\na[b](c)\n```\n';
    expect(wrong(good)).toEqual([]);
  });

  it('makes anchors like GitHub', () => {
    const text = '# Hono, Next.js: “all”!\n## `login_busy`\n## Same\n## Same\n<a id="own"></a>\n';
    expect([...anchorsOf(text)]).toEqual(['hono-nextjs-all', 'login_busy', 'same', 'same-1', 'own']);
  });
});
