/// <reference types="vite/client" />
import { readFixture, type Fixture } from '../../src/index.js';

const urls = import.meta.glob<string>('../../../conformance-fixtures/fixtures/*/*', {
  query: '?url',
  import: 'default',
});
const files = Object.keys(urls);

/** Families of the packaged fixtures. */
export const families: readonly string[] = [
  ...new Set(files.map((path) => path.split('/').at(-2) as string)),
].toSorted();

/** A packaged fixture with one of its model files, fetched from the page's server. */
export function fetchFixture(family: string, variant: string): Promise<Fixture> {
  return readFixture(family, [variant], async (file) => {
    const path = files.find((each) => each.endsWith(`/${family}/${file}`));
    return path === undefined
      ? undefined
      : new Uint8Array(await (await fetch((await urls[path]?.()) ?? '')).arrayBuffer());
  });
}
