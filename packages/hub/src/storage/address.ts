import { ConfigError } from '@hadamard-adapter/core';
import { indexedDbStorage } from './indexed-db.js';
import { opfsStorage } from './opfs.js';
import type { Storage } from './storage.js';

/**
 * The storage of the browser that an address names: `indexeddb://key` or `opfs://folder`.
 *
 * @returns undefined for any other address, such as a path.
 * @throws ConfigError ADAPTER_SOURCE for an address that ends after its scheme.
 */
export function browserStorage(address: string): Storage | undefined {
  const [, scheme, rest = ''] = /^(indexeddb|opfs):\/\/(.*)$/is.exec(address) ?? [];
  if (scheme === undefined) return undefined;
  const name = rest.replaceAll(/^\/+|\/+$/g, '');
  if (name === '')
    throw new ConfigError('The address names no adapter', {
      code: 'ADAPTER_SOURCE',
      found: address,
      expected: `${scheme}://my-adapter`,
    });
  return scheme.toLowerCase() === 'opfs' ? opfsStorage(name) : indexedDbStorage(name);
}
