import { afterEach, describe, expect, it } from 'vitest';
import { OPERATORS, factsOf, inferNode, makeNode, operatorOf, type Graph, type Operator } from '../src/internal.js';

const gelu = OPERATORS.get('Gelu');
const table = OPERATORS as Map<string, Operator>;

const graph = (): Graph => ({
  name: 'two',
  opsets: new Map([['', 18]]),
  inputs: [{ name: 'x', dtype: 'float32', dims: ['batch', 4] }],
  outputs: [{ name: 'z', dtype: 'float32', dims: ['batch', 4] }],
  nodes: [makeNode('Tanh', ['x'], ['y']), makeNode('Gelu', ['y'], ['z'])],
  tensors: new Map(),
});

describe('what is known of an operator stands in its entry alone', () => {
  afterEach(() => {
    if (gelu !== undefined) table.set('Gelu', gelu);
  });

  it('every entry has the name that it is found by, and says which text it follows', () => {
    for (const [name, entry] of OPERATORS) {
      expect(entry.name).toBe(name);
      expect(entry.text, name).toMatch(/^(https:|.*, version \d+|.*, https:)/);
      expect(entry.infer ?? entry.expand, name).toBeDefined();
    }
  });

  it('without its entry every fact of it is unknown, and of no other', () => {
    expect(factsOf(graph()).dims('z')).toHaveLength(2);
    const others = new Map([...OPERATORS].filter(([name]) => name !== 'Gelu'));
    table.delete('Gelu');
    const [, node] = graph().nodes;
    expect(node && operatorOf(node)).toEqual({});
    expect(() => inferNode(makeNode('Gelu', ['y'], ['z']), [{ dtype: 'float32', dims: [4] }])).toThrow(
      expect.objectContaining({ code: 'OPERATOR_UNKNOWN' }),
    );
    expect(factsOf(graph()).dims('y')).toHaveLength(2);
    expect(() => factsOf(graph()).dims('z')).toThrow(expect.objectContaining({ code: 'OPERATOR_UNKNOWN' }));
    for (const [name, entry] of others) expect(OPERATORS.get(name), name).toBe(entry);
  });
});
