import { FormatError, MismatchError, UnsupportedError, readSafetensors } from '@hadamard-adapter/core';
import { type Tensor, dimsText, elementCount, float32Tensor, toFloat32 } from '@hadamard-adapter/graph/internal';

/**
 * Where the weights of a checkpoint come from, by the names of the Hugging Face base model (`encoder.layer.0.…`),
 * matrices as PyTorch keeps them, [out, in].
 */
export interface WeightSource {
  has(name: string): boolean;
  /** @throws MismatchError CHECKPOINT_TENSOR when there is no such tensor, or one of another shape. */
  take(name: string, dims: readonly number[]): Tensor;
}

const DTYPES = { F32: 'float32', F16: 'float16', BF16: 'bfloat16' } as const;

/**
 * The weights of a safetensors checkpoint, one file or several shards. Float32 tensors are views into the files; halves
 * are widened. Whether the base model stands alone or in front of a head (`bert.encoder.…`, `model.encoder.…`) shows at
 * the first name asked for; norms may be called as TensorFlow called them (`gamma`, `beta`).
 *
 * @throws FormatError SAFETENSORS_*, CHECKPOINT_TENSOR for a name that stands in two shards.
 */
export function checkpointWeights(...files: readonly Uint8Array[]): WeightSource {
  const tensors = new Map<
    string,
    ReturnType<typeof readSafetensors>['tensors'] extends Map<string, infer T> ? T : never
  >();
  for (const file of files) {
    for (const [name, tensor] of readSafetensors(file).tensors) {
      if (tensors.has(name))
        throw new FormatError(`The tensor ${name} stands in two files of the checkpoint`, {
          code: 'CHECKPOINT_TENSOR',
        });
      tensors.set(name, tensor);
    }
  }
  let prefix: string | undefined;
  const find = (name: string): string | undefined => {
    prefix ??= prefixOf(name, [...tensors.keys()]);
    return [name, name.replace(/(norm.*)\.weight$/i, '$1.gamma').replace(/(norm.*)\.bias$/i, '$1.beta')]
      .map((each) => `${prefix ?? ''}${each}`)
      .find((each) => tensors.has(each));
  };
  return {
    has: (name) => find(name) !== undefined,
    take(name, dims) {
      const tensor = tensors.get(find(name) ?? '');
      if (tensor === undefined) {
        throw new MismatchError(`The checkpoint has no tensor ${prefix ?? ''}${name}`, {
          code: 'CHECKPOINT_TENSOR',
          found: `${tensors.size} others, such as ${[...tensors.keys()].slice(0, 3).join(', ')}`,
          expected: dimsText(dims),
          hint: 'config.json and checkpoint must be of one model.',
        });
      }
      const { dtype, shape, bytes } = tensor;
      if (shape.length !== dims.length || shape.some((size, axis) => size !== dims[axis])) {
        throw new MismatchError(`The tensor ${name} of the checkpoint does not have the shape that config.json says`, {
          code: 'CHECKPOINT_TENSOR',
          found: dimsText(shape),
          expected: dimsText(dims),
        });
      }
      if (!(dtype in DTYPES))
        throw new UnsupportedError(`The tensor ${name} of the checkpoint is not in floating point`, {
          code: 'CHECKPOINT_DTYPE',
          found: dtype,
          expected: Object.keys(DTYPES).join(', '),
        });
      const stored: Tensor = { dtype: DTYPES[dtype as keyof typeof DTYPES], dims: shape, bytes };
      return stored.dtype === 'float32' ? stored : float32Tensor(toFloat32(stored), dims);
    },
  };
}

/**
 * What stands in front of the names of the base model: nothing, or `bert.` and the like.
 *
 * @throws MismatchError CHECKPOINT_TENSOR when there are two base models in the checkpoint.
 */
function prefixOf(name: string, names: readonly string[]): string | undefined {
  if (names.includes(name)) return '';
  const prefixes = names.filter((each) => each.endsWith(`.${name}`)).map((each) => each.slice(0, -name.length));
  if (prefixes.length > 1) {
    throw new MismatchError('The checkpoint holds several models', {
      code: 'CHECKPOINT_TENSOR',
      found: prefixes.map((each) => `${each}${name}`).join(', '),
      expected: 'one encoder',
    });
  }
  return prefixes[0];
}

/** How many placeholders can be told apart. */
const MAX_PLACEHOLDERS = 65_536;

/**
 * Placeholders of every shape asked for, to count a model by its config alone: views into one buffer of zeros that
 * takes no memory until somebody reads it. Each begins with a number of its own, since equal tensors count as one that
 * is stored again.
 */
export function placeholderWeights(): WeightSource {
  let buffer = new Float32Array(0);
  let taken = 0;
  return {
    has: () => true,
    take(_, dims) {
      const size = elementCount(dims);
      if (buffer.length < size + MAX_PLACEHOLDERS) {
        buffer = new Float32Array(size + MAX_PLACEHOLDERS);
        for (let i = 0; i < MAX_PLACEHOLDERS; i++) buffer[i] = i + 1;
      }
      const at = taken++ % MAX_PLACEHOLDERS;
      return { dtype: 'float32', dims: [...dims], bytes: new Uint8Array(buffer.buffer, 4 * at, 4 * size) };
    },
  };
}
