import {
  FormatError,
  parseJson,
  readSafetensors,
  shorten,
  toFloat64,
  validate,
  type Batch,
  type RowLoss,
  type Pooling,
  type Safetensors,
} from '@hadamard-adapter/core';
import * as v from 'valibot';

/** Reads a file of a fixture folder; undefined when there is none. */
export type ReadFile = (path: string) => Promise<Uint8Array | undefined>;

/** The largest golden.json there is has 200 kB. */
const MAX_JSON_BYTES = 16 * 2 ** 20;

const schema = v.looseObject({
  family: v.string(),
  pooling: v.string(),
  shapes: v.record(v.string(), v.looseObject({ batch: v.number(), sequence: v.number() })),
  attention_output_norms: v.optional(v.array(v.string()), []),
  ffn_output_norms: v.optional(v.array(v.string()), []),
  variants: v.record(
    v.string(),
    v.looseObject({
      site: v.string(),
      adapters: v.array(v.looseObject({ key: v.string(), w: v.string(), b: v.string() })),
      num_labels: v.number(),
      loss: v.string(),
      labels: v.string(),
    }),
  ),
  trajectory: v.nullish(
    v.looseObject({
      site: v.string(),
      batches: v.number(),
      stage1: v.looseObject({
        lr: v.number(),
        weight_decay: v.number(),
        betas: v.array(v.number()),
        eps: v.number(),
        steps: v.number(),
      }),
      stage2: v.looseObject({
        lr: v.number(),
        weight_decay: v.number(),
        betas: v.array(v.number()),
        eps: v.number(),
        steps: v.number(),
      }),
    }),
  ),
});

export type GoldenDescription = v.InferOutput<typeof schema>;

/** One family: golden values from PyTorch, their description, and the model files that must reproduce them. */
export interface Fixture {
  readonly family: string;
  readonly golden: GoldenDescription;
  readonly config: unknown;
  /** Names of the model files. */
  readonly variants: readonly string[];
  model(variant: string): Promise<Uint8Array>;
  has(name: string): boolean;
  /** Values of a golden tensor; those of `<name>.f64` where that is recorded. */
  exact(name: string): Float64Array;
  shapeOf(name: string): readonly number[];
  /** Names that start with `prefix`, without it; float64 twins left out. */
  names(prefix: string): readonly string[];
  /** The inputs recorded under `<prefix>.input_ids` and so on, with labels if asked for. */
  batch(prefix: string, labels?: string): Batch;
}

/**
 * Read one family's folder.
 *
 * @param variants names of the model files in it.
 * @throws FormatError FIXTURE_FILE, FIXTURE_DESCRIPTION, FIXTURE_TENSOR; those of `readSafetensors`.
 */
export async function readFixture(family: string, variants: readonly string[], read: ReadFile): Promise<Fixture> {
  const file = async (path: string): Promise<Uint8Array> => {
    const bytes = await read(path);
    if (bytes !== undefined) return bytes;
    throw new FormatError(`The fixture ${family} is incomplete`, { code: 'FIXTURE_FILE', found: `no ${path}` });
  };
  const golden = validate(schema, json(await file('golden.json'), `${family}/golden.json`), {
    what: `${family}/golden.json`,
    code: 'FIXTURE_DESCRIPTION',
    error: FormatError,
  });
  const tensors = readSafetensors(await file('golden.safetensors'));
  const config = json(await file('config.json'), `${family}/config.json`);
  return {
    family,
    golden,
    config,
    variants,
    model: file,
    ...accessors(family, tensors),
  };
}

const json = (bytes: Uint8Array, what: string): unknown =>
  parseJson(bytes, { what, code: 'FIXTURE_DESCRIPTION', maxBytes: MAX_JSON_BYTES });

type Accessors = Pick<Fixture, 'has' | 'exact' | 'shapeOf' | 'names' | 'batch'>;

function accessors(family: string, { tensors }: Safetensors): Accessors {
  const tensorOf = (name: string): NonNullable<ReturnType<typeof tensors.get>> => {
    const tensor = tensors.get(`${name}.f64`) ?? tensors.get(name);
    if (tensor !== undefined) return tensor;
    throw new FormatError(`The fixture ${family} has no tensor ${shorten(name)}`, { code: 'FIXTURE_TENSOR' });
  };
  const exact = (name: string): Float64Array => {
    const tensor = tensorOf(name);
    if (tensor.dtype !== 'I64') return toFloat64(tensor);
    const words = new BigInt64Array(new Uint8Array(tensor.bytes).buffer);
    return Float64Array.from(words, Number);
  };
  return {
    has: (name) => tensors.has(name) || tensors.has(`${name}.f64`),
    exact,
    shapeOf: (name) => tensorOf(name).shape,
    names: (prefix) =>
      Array.from(tensors.keys()).flatMap((name) =>
        name.startsWith(prefix) && !name.endsWith('.f64') ? [name.slice(prefix.length)] : [],
      ),
    batch(prefix, labels) {
      const [batch = 0, sequence = 0] = tensorOf(`${prefix}.input_ids`).shape;
      const tokens = (name: string): Int32Array => Int32Array.from(exact(`${prefix}.${name}`));
      return {
        batch,
        sequence,
        inputIds: tokens('input_ids'),
        attentionMask: tokens('attention_mask'),
        ...(tensors.has(`${prefix}.token_type_ids`) ? { tokenTypeIds: tokens('token_type_ids') } : {}),
        ...(labels === undefined ? {} : { labels: Float32Array.from(exact(`${prefix}.${labels}`)) }),
      };
    },
  };
}

/** What golden.json says of pooling, in words; undefined for one that this version has no name for. */
export function poolingOf({ pooling }: GoldenDescription): Pooling | undefined {
  if (/position 0/.test(pooling)) return 'first';
  if (/last non-pad/.test(pooling)) return 'last';
  return /mean/.test(pooling) ? 'mean' : undefined;
}

export function lossOf(text: string): RowLoss {
  if (/cross/.test(text)) return 'cross-entropy';
  return /bce|binary/.test(text) ? 'bce' : 'mse';
}
