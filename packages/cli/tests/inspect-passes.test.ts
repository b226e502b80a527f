import { join } from 'node:path';
import { CANONICAL } from '@hadamard-adapter/compiler/internal';
import { describe, expect, it } from 'vitest';
import { cli, lastLine } from './support/cli.js';

const model = join(import.meta.dirname, '..', '..', 'conformance-fixtures', 'fixtures', 'bert', 'model.onnx');

interface Listed {
  readonly name: string;
  readonly nodesBefore: number;
  readonly nodesAfter: number;
  readonly milliseconds: number;
}

describe('inspect --passes', () => {
  it('lists every pass in its order, each where the one before it ended', async () => {
    const result = await cli('inspect', '--model', model, '--passes', '--json');
    const { passes } = lastLine<{ readonly passes: readonly Listed[] }>(result);
    expect(passes.slice(0, CANONICAL.length).map(({ name }) => name)).toEqual(CANONICAL.map(({ name }) => name));
    for (const [i, { nodesBefore, milliseconds }] of passes.entries()) {
      expect(milliseconds).toBeGreaterThanOrEqual(0);
      // Behind the last of the first list adapters, classifier and loss are added.
      if (i > 0 && i !== CANONICAL.length) expect(nodesBefore).toBe(passes[i - 1]?.nodesAfter);
    }
    expect(passes.find(({ name }) => name === 'fuse-attention')?.nodesAfter).toBeLessThan(
      passes.find(({ name }) => name === 'fuse-attention')?.nodesBefore ?? 0,
    );
  });

  it('says what each does', async () => {
    const { stdout } = await cli('inspect', model, '--passes');
    for (const { name, does } of CANONICAL) {
      expect(stdout).toContain(name);
      expect(stdout).toContain(does);
    }
  });
});
