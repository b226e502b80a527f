import { layout, type ParameterInfo } from '@hadamard-adapter/core';
import { elementAt } from '@hadamard-adapter/core/internal';
import { fail } from '../compare.js';
import type { LoadedModel } from '@hadamard-adapter/core/driver';
import type { Fixture } from '../fixture.js';

/**
 * Put the golden adapters and head of `variant` into a model; norms and base weights stay as they come from the file.
 */
export async function writeGolden(
  model: LoadedModel,
  fixture: Fixture,
  variant: string,
  initial: Float32Array,
  { identity = false }: { identity?: boolean } = {},
): Promise<void> {
  const places = layout(model.parameters);
  const values = initial.slice();
  const put = (name: string, data: ArrayLike<number>): void => places.slice(values, name).set(data);
  for (const { name, group, shape } of model.parameters) {
    if (group === 'classifier') put(name, fixture.exact(`${variant}.head.${name.replace('classifier.', '')}`));
    if (group !== 'adapter') continue;
    if (identity) put(name, new Float32Array(elementAt(shape, 0)).fill(name.endsWith('.weight') ? 1 : 0));
    else put(name, fixture.exact(`${variant}.adapter.${goldenAdapterName(name)}`));
  }
  await model.write(values);
}

/** `layer.0.adapter.weight` is called `layer.0.w` in the fixtures. */
export function goldenAdapterName(name: string): string {
  return name.replace('.adapter.weight', '.w').replace('.adapter.bias', '.b');
}

/**
 * The parameter behind a golden name such as `adapter.layer.0.w`, `head.weight` or
 * `encoder.layer.0.output.LayerNorm.bias`; undefined when the model does not train it.
 */
export function parameterOf(parameters: readonly ParameterInfo[], golden: string): ParameterInfo | undefined {
  if (golden.startsWith('head.')) return parameters.find(({ name }) => name === golden.replace('head.', 'classifier.'));
  if (golden.startsWith('adapter.'))
    return parameters.find(({ name, group }) => group === 'adapter' && `adapter.${goldenAdapterName(name)}` === golden);
  return parameters.find(({ source }) => source === golden);
}

/** Values as a PyTorch checkpoint has them: a matrix kept as [in, out] is turned. */
export function asInCheckpoint(values: Float32Array, { name, shape, transposed }: ParameterInfo): Float32Array {
  if (transposed !== true) return values;
  const [rows = 0, columns = 0] = shape;
  if (shape.length !== 2) fail(`${name} is marked as transposed but has ${shape.length} dimensions`);
  const turned = new Float32Array(values.length);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++)
      turned[column * rows + row] = elementAt(values, row * columns + column);
  return turned;
}
