import { FormatError } from '../src/errors.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  capturedValues,
  checkGraph,
  float32Tensor,
  freshNames,
  indexGraph,
  prune,
  sortGraph,
  sortNodes,
  usedValues,
  type Node,
} from '../src/internal.js';
import { branch, graphOf, node } from './support/models.js';

const conditional = (input: string, output: string, captured: string): Node =>
  node('If', [input], [output], {
    then_branch: { type: 'graph', value: branch('then', [node('Neg', [captured], [`n_${output}`])], `n_${output}`) },
    else_branch: { type: 'graph', value: branch('else', [], captured) },
  });

describe('sort', () => {
  it('leaves sorted nodes as they are', () => {
    const nodes = [node('Relu', ['x'], ['a']), node('Add', ['a', 'w'], ['y'])];
    expect(sortNodes(nodes)).toBe(nodes);
    const graph = graphOf(nodes);
    expect(sortGraph(graph)).toBe(graph);
  });

  it('moves only what must move', () => {
    const [a, b, c, d] = [
      node('A', ['x'], ['a']),
      node('B', ['d'], ['b']),
      node('C', ['x'], ['c']),
      node('D', ['x'], ['d']),
    ];
    expect(sortNodes([a, b, c, d])).toEqual([a, d, b, c]);
  });

  it('puts any shuffled graph in an order in which everything is there when it is used', () => {
    const dag = fc.array(fc.tuple(fc.nat(), fc.nat(), fc.boolean()), { minLength: 1, maxLength: 40 }).chain((specs) => {
      const nodes = specs.map(([p, q, nested], i) => {
        const [first, second] = [`v${p % (i + 1)}`, `v${q % (i + 1)}`];
        return nested ? conditional(first, `v${i + 1}`, second) : node('Add', [first, second], [`v${i + 1}`]);
      });
      return fc.tuple(fc.constant(nodes), fc.shuffledSubarray(nodes, { minLength: nodes.length }));
    });
    fc.assert(
      fc.property(dag, ([nodes, shuffled]) => {
        const there = new Set(['v0']);
        const sorted = sortNodes(shuffled);
        for (const each of sorted) {
          for (const used of usedValues(each)) expect(there).toContain(used);
          each.outputs.forEach((output) => there.add(output));
        }
        expect(new Set(sorted)).toEqual(new Set(nodes));
        expect(sortNodes(sorted)).toBe(sorted);
      }),
    );
  });

  it('names a value in a cycle, also through a subgraph', () => {
    expect(() => sortNodes([node('A', ['b'], ['a']), conditional('x', 'b', 'a')])).toThrow(
      /Value "[ab]" depends on itself/,
    );
  });
});

describe('captured values', () => {
  it('are those of nested graphs that neither defines', () => {
    const inner = conditional('c', 'i', 'deep');
    const outer = branch('outer', [node('Relu', ['shallow'], ['c']), inner], 'i');
    expect(capturedValues(outer)).toEqual(new Set(['shallow', 'deep']));
  });

  it('do not include a name that the subgraph gives anew', () => {
    expect(capturedValues(branch('b', [node('Relu', ['x'], ['h']), node('Neg', ['h'], ['t'])], 't'))).toEqual(
      new Set(['x']),
    );
  });
});

describe('check', () => {
  it('accepts the same names in sibling branches and refuses a value from one in the other', () => {
    const then = branch('then', [node('Neg', ['x'], ['t'])], 't');
    const twin = node('If', ['x'], ['y'], {
      then_branch: { type: 'graph', value: then },
      else_branch: { type: 'graph', value: then },
    });
    checkGraph(graphOf([twin]));
    const wrong = node('If', ['x'], ['y'], {
      then_branch: { type: 'graph', value: then },
      else_branch: { type: 'graph', value: branch('else', [], 't') },
    });
    expect(() => checkGraph(graphOf([wrong]))).toThrow(FormatError);
  });
});

describe('index', () => {
  it('knows producers, consumers (captures among them, each once) and outputs', () => {
    const [h, square, y] = [node('Relu', ['x'], ['h', '']), node('Mul', ['h', 'h'], ['s']), conditional('s', 'y', 'h')];
    const { producer, consumers, outputs } = indexGraph(graphOf([h, square, y]));
    expect(producer).toEqual(
      new Map([
        ['h', h],
        ['s', square],
        ['y', y],
      ]),
    );
    expect(consumers.get('h')).toEqual([square, y]);
    expect(consumers.get('')).toBeUndefined();
    expect(outputs).toEqual(new Set(['y']));
  });
});

describe('prune', () => {
  it('drops nodes and tensors nobody needs, keeps inputs and what subgraphs capture', () => {
    const [h, y, dead] = [node('Mul', ['x', 'w'], ['h']), conditional('x', 'y', 'h'), node('Add', ['x', 'v'], ['z'])];
    const graph = graphOf([h, dead, y], {
      inputs: [
        { name: 'x', dtype: 'float32', dims: [] },
        { name: 'unused', dtype: 'float32', dims: [] },
      ],
      tensors: new Map([
        ['w', float32Tensor([1])],
        ['v', float32Tensor([1])],
      ]),
    });
    const pruned = prune(graph);
    expect(pruned.nodes).toEqual([h, y]);
    expect([...pruned.tensors.keys()]).toEqual(['w']);
    expect(pruned.inputs).toBe(graph.inputs);
  });

  it('keeps a node whose second output alone is needed, and a tensor that is an output', () => {
    const split = node('Split', ['x'], ['a', 'y']);
    const graph = graphOf([split], {
      outputs: ['y', 'w'].map((name) => ({ name, dtype: 'float32' as const, dims: [] })),
    });
    expect(prune(graph)).toEqual(graph);
  });
});

describe('fresh names', () => {
  it('avoid every name in the graph, in subgraphs, and those given before', () => {
    const fresh = freshNames(graphOf([conditional('x', 'y', 'x')]));
    expect(['x', 'w', 'n_y', 'new', 'new', 'new', ''].map(fresh)).toEqual([
      'x_1',
      'w_1',
      'n_y_1',
      'new',
      'new_1',
      'new_2',
      '_1',
    ]);
  });

  it('are all different, whatever is asked', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('a', 'a_1', 'a_1_1', 'x', ''), { maxLength: 30 }), (stems) => {
        const names = stems.map(freshNames(graphOf([])));
        expect(new Set(names).size).toBe(stems.length);
      }),
    );
  });
});
