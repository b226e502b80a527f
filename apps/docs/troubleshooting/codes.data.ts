import { addressOf, entries } from '../scripts/entries.js';
import { sitesByCode } from '../scripts/error-codes.js';

/** What the list of codes shows of each. */
export interface ListedCode {
  readonly code: string;
  readonly address: string;
  readonly packages: string;
  readonly messages: readonly string[];
}

declare const data: readonly ListedCode[];
export { data };

// VitePress wants it so.
// oxlint-disable-next-line import/no-default-export
export default {
  watch: ['./*.md'],
  load: (): ListedCode[] => {
    const sites = sitesByCode();
    return entries()
      .map(({ code }) => {
        const own = sites.get(code) ?? [];
        const unique = (values: readonly (string | undefined)[]): string[] => [
          ...new Set(values.filter((value) => value !== undefined)),
        ];
        return {
          code,
          address: addressOf(code) ?? '',
          packages: unique(own.map((site) => site.package)).join(', '),
          messages: unique(own.map(({ message }) => message)),
        };
      })
      .toSorted((a, b) => (a.code < b.code ? -1 : 1));
  },
};
