import type { LibraryConfig, LibraryTokenizer } from '../library.js';

/** How texts become tokens. */
export interface Reader {
  readonly tokenizer: LibraryTokenizer;
  /** Tokens after which texts are cut. */
  readonly longest: number;
}

/** Tokens that no model of this kind reads more of, where neither tokenizer nor model says how many. */
const MOST_TOKENS = 512;

/**
 * What the model reads; a tokenizer that knows no bound says 10³⁰. RoBERTa keeps two positions for itself, which its
 * tokenizer knows.
 */
export function maxLength(
  tokenizer: LibraryTokenizer,
  { max_position_embeddings: positions = MOST_TOKENS }: LibraryConfig,
): number {
  return Math.min(tokenizer.model_max_length ?? MOST_TOKENS, positions > 0 ? positions : MOST_TOKENS);
}

/** Token ids of each text alone, without special tokens. */
export function bareIds({ tokenizer }: Reader, texts: readonly string[]): readonly (readonly number[])[] {
  if (texts.length === 0) return [];
  return tokenizer([...texts], { add_special_tokens: false, truncation: false, padding: false, return_tensor: false })
    .input_ids;
}

/** The special tokens that stand in front of a single text and behind it. */
export function specialTokens(reader: Reader): {
  readonly before: readonly number[];
  readonly after: readonly number[];
} {
  const {
    input_ids: [framed = []],
  } = reader.tokenizer(['a'], { truncation: false, padding: false, return_tensor: false });
  const [bare = []] = bareIds(reader, ['a']);
  const at = framed.findIndex((_, i) => bare.every((id, k) => framed[i + k] === id));
  return { before: framed.slice(0, at), after: framed.slice(at + bare.length) };
}
