import {
  FormatError,
  MismatchError,
  readSafetensors,
  shorten,
  toFloat32,
  type Files,
  type Tensor,
} from '@hadamard-adapter/core';
import { ADAPTER_TENSORS_FILE } from '@hadamard-adapter/core/folder';
import { fileOf, type PeftConfig } from './config.js';
import { refuseTensors } from './refuse.js';

/** A trained tensor of a PEFT folder. */
export interface PeftTensor {
  /** As the file has it, for messages. */
  readonly name: string;
  /**
   * The module it belongs to, as `named_modules()` of the base model has it:
   * `bert.encoder.layer.0.attention.output.dense`.
   */
  readonly module: string;
  /** `ia3_l`: a scale of IA³. `weight`, `bias`: of a norm that was trained, or of a module that was saved whole. */
  readonly part: 'ia3_l' | 'weight' | 'bias';
  readonly tensor: Tensor;
}

/**
 * `base_model.model.<module>.ia3_l`, `base_model.model.<module>.ln_tuning_layers.weight`, and for `modules_to_save`
 * `base_model.model.<module>.weight`.
 */
const KEY = /^(?:base_model\.model\.)?(.+?)(\.ln_tuning_layers)?\.(ia3_l|weight|bias)$/;

/**
 * The tensors of `adapter_model.safetensors`, by module. Tensors of the other method are refused: PEFT would pass over
 * them.
 *
 * @throws FormatError PEFT_FILE when there is no such file; those of core's `readSafetensors`; UnsupportedError
 *   PEFT_TENSOR naming tensors whose names are none of PEFT's, or that stand there twice.
 */
export function readPeftTensors(files: Files, { peft_type: type }: Pick<PeftConfig, 'peft_type'>): PeftTensor[] {
  const bytes = fileOf(files, ADAPTER_TENSORS_FILE);
  if (bytes === undefined) {
    const pickled = fileOf(files, 'adapter_model.bin') !== undefined;
    throw new FormatError('The PEFT folder is incomplete', {
      code: 'PEFT_FILE',
      found: pickled ? 'adapter_model.bin, a pickle' : `no ${ADAPTER_TENSORS_FILE}`,
      expected: ADAPTER_TENSORS_FILE,
      ...(pickled ? { hint: 'Save it in Python with safe_serialization=True.' } : {}),
    });
  }
  const { tensors } = readSafetensors(bytes, { maxHeaderBytes: 16 * 2 ** 20 });
  const foreign = type === 'IA3' ? '.ln_tuning_layers' : 'ia3_l';
  const read = new Map<string, PeftTensor>();
  const refused: string[] = [];
  for (const [name, tensor] of tensors) {
    const [, module, wrapper, part] = KEY.exec(name) ?? [];
    const key = `${module}.${part}`;
    if (module === undefined || wrapper === foreign || part === foreign || read.has(key)) refused.push(name);
    else read.set(key, { name, module, part: part as PeftTensor['part'], tensor });
  }
  refuseTensors(refused, `names as PEFT writes them for ${type}, each once`);
  return [...read.values()];
}

/**
 * The numbers of a tensor that has to have this shape, as float32; halves are widened.
 *
 * @throws MismatchError PEFT_SHAPE; FormatError PEFT_VALUES for numbers that are not finite; UnsupportedError
 *   SAFETENSORS_DTYPE for integers and FP8.
 */
export function valuesOf({ name, tensor }: PeftTensor, dims: readonly number[]): Float32Array {
  const { shape } = tensor;
  if (shape.length !== dims.length || shape.some((size, axis) => size !== dims[axis]))
    throw shapeError(name, shape, `[${dims.join(', ')}]`);
  const values = toFloat32(tensor);
  const broken = values.find((value) => !Number.isFinite(value));
  if (broken !== undefined)
    throw new FormatError(`Tensor ${shorten(name, 200)} of the PEFT folder is damaged`, {
      code: 'PEFT_VALUES',
      found: String(broken),
      expected: 'finite numbers',
    });
  return values;
}

export function shapeError(name: string, shape: readonly number[], expected: string): MismatchError {
  return new MismatchError(`Tensor ${shorten(name, 200)} of the PEFT folder does not fit the base model`, {
    code: 'PEFT_SHAPE',
    found: shorten(`[${shape.join(', ')}]`),
    expected,
    hint: 'It was trained on another base.',
  });
}
