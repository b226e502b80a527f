import type { ParameterInfo } from '@hadamard-adapter/core';

/** How far an adapter is from one that changes nothing, by layer: the scale as w − 1, the shift as b. */
export interface LayerMap {
  readonly channels: number;
  readonly layers: readonly { readonly layer: number; readonly scale: Float32Array; readonly shift: Float32Array }[];
}

/** @param values the parameters of group `adapter`, flat. */
export function layersOf(parameters: readonly ParameterInfo[], values: Float32Array): LayerMap {
  const found = new Map<number, { scale: Float32Array; shift: Float32Array }>();
  let offset = 0;
  for (const { name, group, shape } of parameters) {
    if (group !== 'adapter') continue;
    const size = shape.reduce((product, length) => product * length, 1);
    const [, layer, part] = /layer\.(\d+)\.adapter\.(weight|bias)$/.exec(name) ?? [];
    if (layer !== undefined) {
      const entry = found.get(Number(layer)) ?? { scale: new Float32Array(size), shift: new Float32Array(size) };
      const own = values.slice(offset, offset + size);
      found.set(
        Number(layer),
        part === 'weight' ? { ...entry, scale: own.map((w) => w - 1) } : { ...entry, shift: own },
      );
    }
    offset += size;
  }
  const layers = [...found].toSorted(([a], [b]) => a - b).map(([layer, parts]) => ({ layer, ...parts }));
  return { channels: layers[0]?.scale.length ?? 0, layers };
}

/** What a row of the map says in numbers. */
export interface RowSummary {
  readonly mean: number;
  readonly largest: number;
  /** Channel of the largest, from 0. */
  readonly channel: number;
}

export function summaryOf(row: Float32Array): RowSummary {
  let channel = 0;
  let sum = 0;
  row.forEach((value, i) => {
    sum += Math.abs(value);
    if (Math.abs(value) > Math.abs(row[channel] as number)) channel = i;
  });
  return { mean: sum / Math.max(1, row.length), largest: row[channel] ?? 0, channel };
}

/** The largest absolute value of all rows: both ends of the colours. */
export const extentOf = (rows: readonly Float32Array[]): number =>
  rows.reduce((most, row) => Math.max(most, Math.abs(summaryOf(row).largest)), 0);
