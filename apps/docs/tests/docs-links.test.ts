import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join, posix } from 'node:path';
import { createMarkdownRenderer } from 'vitepress';
import { beforeAll, describe, expect, it } from 'vitest';
import { nav, sidebar } from '../.vitepress/sidebar.js';
import { markdown } from '../scripts/markdown.js';
import { pages, site } from './docs-pages.js';

/** Pages of the API reference, which a build writes. Where there was one, they are checked as well. */
const api = existsSync(join(site, 'api'))
  ? readdirSync(join(site, 'api'), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.md'))
      .map((path) => `api/${path}`)
  : [];

const addressOf = (page: string): string =>
  `/${page.replace(/\.md$/, '').replace(/(?:^|\/)index$/, (found) => (found.startsWith('/') ? '/' : ''))}`;

interface Page {
  readonly ids: ReadonlySet<string>;
  readonly links: readonly string[];
}
const rendered = new Map<string, Page>();

beforeAll(async () => {
  // Nothing is coloured: that takes longer than all the rest.
  const md = await createMarkdownRenderer(site, { ...markdown, highlight: (text) => text }, '/');
  for (const page of [...pages(), ...api]) {
    const html = md.render(readFileSync(join(site, page), 'utf8').replace(/^---\n[\s\S]*?\n---\n/, ''), {
      path: join(site, page),
      relativePath: page,
      cleanUrls: true,
    });
    const components = [...html.matchAll(/import \w+ from '(\.[^']+\.vue)'/g)].map(([, path]) =>
      readFileSync(join(site, posix.dirname(page), path as string), 'utf8'),
    );
    const ids = [html, ...components].flatMap((text) =>
      [...text.matchAll(/\bid="([^"]+)"/g)].map(([, id]) => id as string),
    );
    const links = [...html.matchAll(/<a\b[^>]*\bhref="([^"]+)"/g)].map(([, href]) =>
      (href as string).replaceAll('&amp;', '&'),
    );
    rendered.set(addressOf(page), { ids: new Set(ids), links });
  }
}, 60_000);

/** Why a link leads nowhere; undefined when it does lead somewhere. */
function brokenAs(from: string, href: string): string | undefined {
  if (/^[a-z]+:/.test(href)) return undefined;
  const { pathname, hash } = new URL(href, `https://site${from}`);
  const address = pathname.replace(/\.(?:html|md)$/, '').replace(/\/index$/, '/');
  const page = rendered.get(address);
  if (page === undefined) return address.startsWith('/api/') && api.length === 0 ? undefined : `no page ${address}`;
  const id = decodeURIComponent(hash.slice(1));
  return id === '' || page.ids.has(id) ? undefined : `no heading #${id} on ${address}`;
}

describe('links of the documentation', () => {
  it.each(pages().map(addressOf))('%s', (address) => {
    const broken = (rendered.get(address) as Page).links.flatMap((href) => {
      const why = brokenAs(address, href);
      return why === undefined ? [] : [`${href}: ${why}`];
    });
    expect(broken).toEqual([]);
  });

  it('the API reference, where it was built', () => {
    const broken = api
      .map(addressOf)
      .flatMap((address) =>
        (rendered.get(address) as Page).links
          .flatMap((href) => brokenAs(address, href) ?? [])
          .map((why) => `${address}: ${why}`),
      );
    expect(broken).toEqual([]);
  });

  it('navigation and sidebar', () => {
    const linksOf = (items: readonly unknown[]): string[] =>
      items.flatMap((item) => {
        const { link, items: inner = [] } = item as { link?: string; items?: unknown[] };
        return [...(link === undefined ? [] : [link]), ...linksOf(inner)];
      });
    const links = [...linksOf(nav), ...linksOf(sidebar)];
    expect(links.length).toBeGreaterThan(40);
    expect(links.flatMap((link) => brokenAs('/', link) ?? [])).toEqual([]);
    const listed = new Set(links);
    expect(
      pages()
        .map(addressOf)
        .filter((address) => address !== '/' && !listed.has(address)),
    ).toEqual([]);
  });
});
