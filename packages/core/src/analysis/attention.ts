import { MismatchError } from '../errors.js';
import type { Floats } from '../math/adapter.js';
import { elementAt } from '../values.js';

/** Sums of Euclidean norms over tokens, by head. */
export interface HeadNorms {
  /** Tokens summed over. */
  readonly tokens: number;
  /** Σ ‖x‖, [heads]. */
  readonly before: Float64Array;
  /** Σ ‖w ⊙ x + b‖, [heads]. */
  readonly after: Float64Array;
  /** Σ ‖w ⊙ x + b − x‖, [heads]: what is turned another way may be as long as before. */
  readonly change: Float64Array;
}

/**
 * How long attention outputs are, head by head, before and after the adapter: what the paper's first research question
 * looks at (how self-attention outputs change).
 *
 * @param x [batch, sequence, channels], the heads side by side; padding does not count.
 * @param mask [batch, sequence], 1 for a token.
 * @param heads the site `output` mixes heads: there 1.
 * @throws MismatchError ADAPTER_SHAPE when the channels do not fit adapter, mask or heads.
 */
export function headNorms(
  x: Floats,
  mask: ArrayLike<number>,
  heads: number,
  { w, b }: { readonly w: Floats; readonly b: Floats },
): HeadNorms {
  const channels = w.length;
  if (x.length !== mask.length * channels || b.length !== channels || channels % heads !== 0) {
    throw new MismatchError('Attention outputs do not fit the adapter', {
      code: 'ADAPTER_SHAPE',
      found: `${x.length} numbers for ${mask.length} tokens, ${heads} heads`,
      expected: `${channels} channels, divided evenly`,
    });
  }
  const width = channels / heads;
  const [before, after, change] = [new Float64Array(heads), new Float64Array(heads), new Float64Array(heads)];
  let tokens = 0;
  for (let token = 0; token < mask.length; token++) {
    if (mask[token] !== 1) continue;
    tokens++;
    for (let head = 0; head < heads; head++) {
      let [squares, adapted, changed] = [0, 0, 0];
      for (let channel = head * width; channel < (head + 1) * width; channel++) {
        const value = elementAt(x, token * channels + channel);
        const made = elementAt(w, channel) * value + elementAt(b, channel);
        squares += value * value;
        adapted += made * made;
        changed += (made - value) ** 2;
      }
      before[head] = elementAt(before, head) + Math.sqrt(squares);
      after[head] = elementAt(after, head) + Math.sqrt(adapted);
      change[head] = elementAt(change, head) + Math.sqrt(changed);
    }
  }
  return { tokens, before, after, change };
}

/** Sums over several batches. */
export function addHeadNorms(parts: readonly HeadNorms[]): HeadNorms {
  const [first] = parts;
  const sum = (of: (part: HeadNorms) => Float64Array): Float64Array =>
    Float64Array.from(first === undefined ? [] : of(first), (_, head) =>
      parts.reduce((total, part) => total + elementAt(of(part), head), 0),
    );
  return {
    tokens: parts.reduce((total, { tokens }) => total + tokens, 0),
    before: sum(({ before }) => before),
    after: sum(({ after }) => after),
    change: sum(({ change }) => change),
  };
}
