import { int, type Graph } from '@hadamard-adapter/graph/internal';
import type { EncoderBuilder } from './encoder-builder.js';
import { IDS, MASK, TYPES } from './tokens.js';

/** tanh of a linear layer on the first position, as BERT was pretrained with it. */
export function pooler(builder: EncoderBuilder, x: string, module: string, hidden: number): string {
  const first = builder.emit('Gather', [x, builder.index(0)], `${module}/first`, { axis: int(1) });
  return builder.emit('Tanh', [builder.linear(first, module, hidden, hidden)], `${module}/tanh`);
}

/** The graph with its usual inputs and outputs. */
export function finish(
  builder: EncoderBuilder,
  name: string,
  x: string,
  hidden: number,
  { pooled, types = 0 }: { pooled?: string | undefined; types?: number } = {},
): Graph {
  return builder.finish(name, types > 1 ? [IDS, MASK, TYPES] : [IDS, MASK], [
    [x, 'last_hidden_state', ['batch', 'sequence', hidden]],
    ...(pooled === undefined ? [] : [[pooled, 'pooler_output', ['batch', hidden]] as const]),
  ]);
}
