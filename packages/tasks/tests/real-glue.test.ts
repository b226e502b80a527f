import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { GLUE, readGlue, type GlueId } from '../src/index.js';

/** The published files, which are not part of the repository. Only counts are looked at. */
const data = new URL('../../../../shared/data/glue/', import.meta.url);
const there = existsSync(data);
if (!there) console.log('skipped: no ../shared/data/glue');

describe('the published files of GLUE', () => {
  it.skipIf(!there).each<[GlueId, number, number]>([
    ['sst2', 67_349, 872],
    ['cola', 8551, 1043],
    ['mrpc', 3668, 408],
    ['stsb', 5749, 1500],
    ['rte', 2490, 277],
  ])('%s has %d and %d rows', async (id, trainRows, devRows) => {
    const read = async (path: string): Promise<Uint8Array | undefined> => {
      const url = new URL(path, data);
      return existsSync(url) ? new Uint8Array(readFileSync(url)) : undefined;
    };
    const { train, dev } = await readGlue(GLUE[id], read);
    expect(train.examples).toHaveLength(trainRows);
    expect(dev.map(({ table }) => table.examples.length)).toEqual([devRows]);
    for (const { examples, skipped, labels, kind } of [train, ...dev.map(({ table }) => table)]) {
      expect(skipped).toEqual([]);
      expect(examples.filter(({ text, pair }) => text === '' || pair === '')).toEqual([]);
      const values = new Set(examples.map(({ label }) => label as number));
      if (kind === 'classification') expect([...values].toSorted()).toEqual(labels.map((_, i) => i));
      else expect([Math.min(...values), Math.max(...values)]).toEqual([0, 5]);
    }
  });
});
