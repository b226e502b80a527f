import {
  FormatError,
  parseJson,
  readSafetensors,
  toFloat32 as safetensorsToFloat32,
  validate,
  writeSafetensors,
  fromFloat32,
} from '@hadamard-adapter/core';
import * as v from 'valibot';
import { type Tensor, float32Tensor, toFloat32 } from '@hadamard-adapter/graph/internal';

/**
 * What undoing a fold needs to know; kept in the `metadata_props` of the folded file, some hundred KB of text on
 * BERT-base.
 */
export interface FoldRecord {
  /** Name of the hidden states among the outputs. */
  readonly hidden: string;
  /**
   * Matrices whose rows (axis 0) or columns (axis 1) were multiplied by a vector, by the name they have in the folded
   * graph.
   */
  readonly scaled: Map<string, { readonly by: Tensor; readonly axis: 0 | 1 }>;
  /** The vectors that other vectors were put in the place of. */
  readonly originals: Map<string, Tensor>;
}

export const emptyRecord = (hidden: string): FoldRecord => ({ hidden, scaled: new Map(), originals: new Map() });

const DESCRIPTION = 'hadamard_adapter.fold';
const TENSORS = 'hadamard_adapter.fold_tensors';
/** Prefixes of the two kinds of tensors. */
const [SCALE, ORIGINAL] = ['scale:', 'original:'];

/** The record as `metadata_props`: a description, and the vectors as base64 of a safetensors file. */
export function encodeRecord({ hidden, scaled, originals }: FoldRecord): Record<string, string> {
  const vectors = [
    ...Array.from(scaled, ([name, { by }]) => [`${SCALE}${name}`, by] as const),
    ...Array.from(originals, ([name, tensor]) => [`${ORIGINAL}${name}`, tensor] as const),
  ];
  const file = writeSafetensors(
    new Map(vectors.map(([name, tensor]) => [name, fromFloat32(toFloat32(tensor), [...tensor.dims])])),
  );
  return {
    [DESCRIPTION]: JSON.stringify({
      version: 1,
      hidden,
      axes: Object.fromEntries(Array.from(scaled, ([name, { axis }]) => [name, axis])),
    }),
    [TENSORS]: toBase64(file),
  };
}

const schema = v.object({ version: v.literal(1), hidden: v.string(), axes: v.record(v.string(), v.picklist([0, 1])) });

/**
 * The record of a folded file.
 *
 * @throws FormatError FOLD_RECORD when the file has none, or a damaged one.
 */
export function decodeRecord(metadata: ReadonlyMap<string, string>): FoldRecord {
  const [description, encoded] = [metadata.get(DESCRIPTION), metadata.get(TENSORS)];
  const what = 'The record of what was folded into the model';
  if (description === undefined || encoded === undefined) {
    throw new FormatError('Nothing tells what was folded into this model', {
      code: 'FOLD_RECORD',
      found: `no metadata ${DESCRIPTION}`,
      expected: 'a file that was written by fold() or "hadamard merge"',
    });
  }
  const parsed = parseJson(new TextEncoder().encode(description), { what, code: 'FOLD_RECORD', maxBytes: 2 ** 24 });
  const { hidden, axes } = validate(schema, parsed, { what, code: 'FOLD_RECORD', error: FormatError });
  const record = emptyRecord(hidden);
  for (const [name, tensor] of readSafetensors(fromBase64(encoded), { maxHeaderBytes: 2 ** 24 }).tensors) {
    const vector = float32Tensor(safetensorsToFloat32(tensor), [...tensor.shape]);
    if (name.startsWith(ORIGINAL)) record.originals.set(name.slice(ORIGINAL.length), vector);
    else record.scaled.set(name.slice(SCALE.length), { by: vector, axis: axes[name.slice(SCALE.length)] ?? 0 });
  }
  return record;
}

/** In parts, since a function takes only so many arguments. */
const PART = 0x8000;

function toBase64(bytes: Uint8Array): string {
  const parts = Array.from({ length: Math.ceil(bytes.length / PART) }, (_, i) =>
    String.fromCharCode(...bytes.subarray(i * PART, (i + 1) * PART)),
  );
  return btoa(parts.join(''));
}

function fromBase64(text: string): Uint8Array {
  try {
    return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  } catch (cause) {
    throw new FormatError('The record of what was folded into the model is damaged', {
      code: 'FOLD_RECORD',
      found: 'no base64',
      cause,
    });
  }
}
