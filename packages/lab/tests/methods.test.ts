import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { layout, type Group } from '@hadamard-adapter/core';
import { loadReferenceModel } from '@hadamard-adapter/runtime/internal';
import { readModel } from '@hadamard-adapter/graph/internal';
import { describe, expect, it } from 'vitest';
import { METHODS, methodNamed, planOf, sessionOf, settingsOf, type Method } from '../src/methods.js';

const fixture = fileURLToPath(new URL('../../conformance-fixtures/fixtures/bert/model.onnx', import.meta.url));
const graph = readModel(new Uint8Array(readFileSync(fixture)));

/** Numbers that each method trains besides the classifier, in three layers of width 32 with a feed-forward of 64. */
const TRAINED: Readonly<Record<Exclude<Method, 'full'>, number>> = {
  classifier: 0,
  hadamard: 3 * 4 * 32,
  layernorm: 3 * 4 * 32,
  bitfit: 3 * (6 * 32 + 64 + 32) + 32,
  ia3: 3 * (2 * 32 + 64),
  red: 3 * 2 * 32,
  lora: 3 * 2 * 2 * 8 * 32,
};

describe.each(METHODS)('%s', (method) => {
  const settings = settingsOf({ method });
  const session = loadReferenceModel(graph, { ...sessionOf(settings), numLabels: 2 });

  it('trains its numbers, and the classifier', () => {
    const places = layout(session.parameters);
    const trained = new Set(planOf(settings, 0).stages.flatMap(({ groups }) => groups));
    expect(trained.has('classifier')).toBe(true);
    const sizes = (['adapter', 'norm', 'base'] as Group[])
      .filter((group) => trained.has(group))
      .map((group) => places.sizeOfGroups([group]));
    expect(sizes.reduce((a, b) => a + b, 0)).toBe(
      method === 'full' ? session.compiled.canonical.parameterCount : TRAINED[method],
    );
  });

  it('has one or two stages', () => {
    const stages = (of: 1 | 2): string[] =>
      planOf({ ...settings, stages: of }, 3).stages.map(({ groups }) => groups.join('+'));
    expect(stages(1)).toHaveLength(1);
    expect(stages(1)[0]).toMatch(/^classifier/);
    expect(stages(2)).toHaveLength(method === 'classifier' ? 1 : 2);
    if (method !== 'classifier') expect(stages(2)[1]).not.toContain('classifier');
  });
});

describe('methods', () => {
  it('are named', () => {
    expect(methodNamed('lora')).toBe('lora');
    expect(() => methodNamed('lorra')).toThrow(expect.objectContaining({ code: 'METHOD_UNKNOWN' }));
  });

  it('take settings over their defaults', () => {
    const settings = settingsOf({ method: 'hadamard', lr: 0.01, layers: [2], parts: 'scale', freezeClassifier: false });
    expect(sessionOf(settings)).toMatchObject({ layers: [2], parts: 'scale', site: 'context' });
    expect(planOf(settings, 0).stages[1]).toMatchObject({
      learningRate: 0.01,
      groups: ['classifier', 'adapter', 'norm'],
    });
  });
});
