import type { Graph } from './graph.js';
import { definedValues, subgraphs, usedValues } from './uses.js';

/** Gives `stem` itself if no value is called that yet, otherwise `stem_1`, `stem_2`, …; never the same name twice. */
export type FreshNames = (stem: string) => string;

/** Maker of value names that occur nowhere in `graph` nor in its subgraphs. */
export function freshNames(graph: Graph): FreshNames {
  const taken = new Set<string>();
  collect(graph, taken);
  const next = new Map<string, number>();
  return (stem) => {
    let name = stem;
    // Starting where the last search for this stem ended keeps a thousand requests from being a million look-ups.
    let suffix = next.get(stem) ?? 0;
    while (name === '' || taken.has(name)) name = `${stem}_${++suffix}`;
    next.set(stem, suffix);
    taken.add(name);
    return name;
  };
}

function collect(graph: Graph, names: Set<string>): void {
  for (const name of definedValues(graph)) names.add(name);
  for (const output of graph.outputs) names.add(output.name);
  for (const node of graph.nodes) {
    for (const name of usedValues(node)) names.add(name);
    for (const inner of subgraphs(node)) collect(inner, names);
  }
}
