import { describe, expect, it } from 'vitest';
import { entries } from '../scripts/entries.js';
import { sitesByCode } from '../scripts/error-codes.js';

describe('troubleshooting', () => {
  const codes = sitesByCode();

  it('reads the codes out of the sources', () => {
    expect(codes.size).toBeGreaterThan(200);
    // As a property, chosen by a condition, handed to a function, out of a list.
    for (const code of ['DEVICE_UNKNOWN', 'ADAPTER_SITE_MISMATCH', 'CHECKPOINT_PLAN', 'ADAPTER_HEAD_MISMATCH'])
      expect(codes.has(code), code).toBe(true);
    expect(codes.get('DEVICE_LOST')?.[0]).toMatchObject({ error: 'RuntimeError', message: 'The device … was lost' });
  });

  it('has an entry for each code that is thrown', () => {
    const known = new Set(entries().map(({ code }) => code));
    expect(
      [...codes]
        .filter(([code]) => !known.has(code))
        .map(([code, [site]]) => `${code}, from packages/${site?.package}/src/${site?.file}:${site?.line}`),
    ).toEqual([]);
  });

  it('has no entry for a code that is not thrown, and none twice', () => {
    const all = entries().map(({ code }) => code);
    expect(all.filter((code) => !codes.has(code))).toEqual([]);
    expect(all.filter((code, i) => all.indexOf(code) !== i)).toEqual([]);
  });

  it('says something of each', () => {
    expect(
      entries()
        .filter(({ text }) => text.length < 25)
        .map(({ code }) => code),
    ).toEqual([]);
  });

  it('has the entry of a code on the page of a package that throws it', () => {
    const misplaced = entries().filter(
      ({ code, page }) => !(codes.get(code) ?? []).some((site) => site.package === page),
    );
    expect(misplaced.map(({ code, page }) => `${code} on ${page}`)).toEqual([]);
  });
});
