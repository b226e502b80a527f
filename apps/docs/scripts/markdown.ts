import type { MarkdownOptions } from 'vitepress';
import { addressOf, entries } from './entries.js';
import { sitesByCode } from './error-codes.js';
import { expand } from './expand.js';

type MarkdownIt = Parameters<NonNullable<MarkdownOptions['config']>>[0];
type CoreRule = Parameters<MarkdownIt['core']['ruler']['push']>[1];
type Token = Parameters<CoreRule>[0]['tokens'][number];

/** How pages are read: with formulas, parts of other files, facts on error codes, and links to them. */
export const markdown: MarkdownOptions = {
  math: true,
  // As GitHub makes them, for READMEs are read there too.
  anchor: { slugify },
  config(md) {
    md.core.ruler.before('normalize', 'expand', (state) => {
      state.src = expand(state.src);
    });
    md.core.ruler.push('error-codes', (state) => {
      const path = (state.env as { relativePath?: string }).relativePath ?? '';
      if (path.startsWith('troubleshooting/')) addFacts(state);
      else linkCodes(state);
    });
  },
};

export function slugify(text: string): string {
  return text
    .trim()
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\p{M}\s_-]/gu, '')
    .replaceAll(/\s/g, '-');
}

/** Below the heading of a code: class, messages and packages, from the sources. */
const addFacts: CoreRule = (state) => {
  const all = sitesByCode();
  state.tokens = state.tokens.flatMap((token, i): Token[] => {
    const code = token.type === 'heading_close' && token.tag === 'h3' ? state.tokens[i - 1]?.content : undefined;
    const sites = code === undefined ? undefined : all.get(code);
    if (sites === undefined) return [token];
    const facts = new state.Token('html_block', '', 0);
    const unique = (values: readonly (string | undefined)[]): string[] => [
      ...new Set(values.filter((value) => value !== undefined)),
    ];
    const codes = (values: readonly string[]): string =>
      values.map((value) => `<code>${state.md.utils.escapeHtml(value)}</code>`).join(', ');
    const messages = unique(sites.map(({ message }) => message)).map(
      (message) => `<em>${state.md.utils.escapeHtml(message)}</em>`,
    );
    const classes = unique(sites.map(({ error }) => error));
    const from =
      `${classes.length === 0 ? '' : `${codes(classes)} `}from ` +
      `${unique(sites.map((site) => site.package)).join(', ')}`;
    facts.content =
      '<p style="color: var(--vp-c-text-2); font-size: 14px; line-height: 22px">' +
      `${[from, ...messages].join(' · ')}</p>\n`;
    return [token, facts];
  });
};

/** Codes in the text of other pages lead to their entries. */
const linkCodes: CoreRule = (state) => {
  const known = new Set(entries().map(({ code }) => code));
  const linked = (content: Token[], code: string): Token[] => {
    const open = new state.Token('link_open', 'a', 1);
    // A line below would hide the underscores.
    open.attrs = [
      ['href', addressOf(code) as string],
      ['style', 'text-decoration: none'],
    ];
    return [open, ...content, new state.Token('link_close', 'a', -1)];
  };
  const text = (content: string): Token => Object.assign(new state.Token('text', '', 0), { content });
  for (const [i, { type, children }] of state.tokens.entries()) {
    if (type !== 'inline' || children === null || state.tokens[i - 1]?.type === 'heading_open') continue;
    let inLink = 0;
    (state.tokens[i] as Token).children = children.flatMap((token): Token[] => {
      inLink += token.type === 'link_open' ? 1 : token.type === 'link_close' ? -1 : 0;
      if (inLink > 0) return [token];
      if (token.type === 'code_inline' && known.has(token.content)) return linked([token], token.content);
      if (token.type !== 'text') return [token];
      const parts = token.content.split(/\b([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)\b/);
      return parts.length === 1
        ? [token]
        : parts
            .filter((part) => part !== '')
            .flatMap((part) => (known.has(part) ? linked([text(part)], part) : [text(part)]));
    });
  }
};
