import { MismatchError, UnsupportedError, shorten, type Site } from '@hadamard-adapter/core';
import type { SiteInfo } from '../sites/sites.js';
import type { PeftConfig } from './config.js';
import { shapeError, valuesOf, type PeftTensor } from './tensors.js';

/**
 * Side and numbers of an IA³ vector on an output projection. PEFT keeps it as [1, inputs] where the module is among
 * `feedforward_modules` and multiplies what goes in, else as [outputs, 1]; where the shape does not tell, the config
 * does.
 *
 * @throws MismatchError PEFT_SHAPE; PEFT_SITE when shape and config contradict each other; UnsupportedError PEFT_SITE
 *   when neither tells.
 */
export function scaleOf(
  tensor: PeftTensor,
  channels: SiteInfo['channels'],
  config: PeftConfig,
): { side: Site; values: Float32Array } {
  const {
    name,
    tensor: { shape },
  } = tensor;
  const said = saidSide(tensor.module, config);
  const shown = shownSide(shape);
  if (said !== undefined && shown !== undefined && said !== shown) {
    throw new MismatchError(
      `adapter_config.json and tensor ${shorten(name, 200)} of the PEFT folder contradict each other`,
      {
        code: 'PEFT_SITE',
        found: `[${shape.join(', ')}]`,
        expected:
          said === 'context'
            ? '[1, inputs], for it is among feedforward_modules'
            : '[outputs, 1], for it is not among feedforward_modules',
        hint: 'Take both files from the same folder.',
      },
    );
  }
  const side = shown ?? said;
  if (side === undefined)
    throw new UnsupportedError(`Tensor ${shorten(name, 200)} of the PEFT folder does not say what it multiplies`, {
      code: 'PEFT_SITE',
      found: shorten(`[${shape.join(', ')}]`),
      expected: '[1, inputs] or [outputs, 1]',
    });
  const width = channels[side];
  // A vector in any of the three forms has the same numbers in the same order.
  if (shape.length > 2 || shape.reduce((product, size) => product * size, 1) !== width || shape.length === 0)
    throw shapeError(name, shape, side === 'context' ? `[1, ${width}]` : `[${width}, 1]`);
  return { side, values: valuesOf(tensor, shape) };
}

function shownSide(shape: readonly number[]): Site | undefined {
  const [first, second] = shape;
  if (shape.length !== 2 || (first === 1) === (second === 1)) return undefined;
  return first === 1 ? 'context' : 'output';
}

/**
 * As PEFT does, by the end of the name, dot or no dot. A regular expression of Python is not tried: the shape tells.
 */
function saidSide(module: string, { feedforward_modules: modules }: PeftConfig): Site | undefined {
  if (!Array.isArray(modules)) return undefined;
  return modules.some((name) => module.endsWith(name)) ? 'context' : 'output';
}
