import { UnsupportedError } from '../../errors.js';
import { int, intAttribute } from '../../ir/graph.js';
import { unbroadcast } from './broadcast.js';
import type { GradientRule } from './rule.js';

/**
 * y = x̂·scale + shift with x̂ = (x − mean)·r over the last axis, where mean and r = 1/√(var + ε) are further outputs
 * of the forward node, so that nothing is computed twice. With g = dy·scale: dx = r·(g − mean(g) − x̂·mean(g·x̂));
 * dscale = Σ dy·x̂; dshift = Σ dy.
 */
export const layerNormalization: GradientRule = ({ node, builder, upstream, wants }) => {
  const [x, scale, shift] = node.inputs as [string, string, string | undefined];
  const [, mean, inverse] = node.outputs as [string, string, string];
  const dy = upstream[0] as string;
  const axis = intAttribute(node, 'axis', -1);
  if (axis !== -1 && axis !== builder.dims(x).length - 1) {
    throw new UnsupportedError(`LayerNormalization "${node.name}" normalizes several axes`, {
      code: 'GRADIENT_LAYER_NORM_AXIS',
      found: `axis ${axis}`,
      expected: 'the last axis',
    });
  }
  const normalized = wants(0) || wants(1) ? builder.emit('Mul', [builder.emit('Sub', [x, mean]), inverse]) : '';
  const gradients: (string | undefined)[] = [undefined, undefined];
  if (wants(0)) {
    const last = builder.ints([-1]);
    const g = builder.emit('Mul', [dy, scale]);
    const meanG = builder.emit('ReduceMean', [g, last], { keepdims: int(1) });
    const meanGx = builder.emit('ReduceMean', [builder.emit('Mul', [g, normalized]), last], { keepdims: int(1) });
    const centered = builder.emit('Sub', [builder.emit('Sub', [g, meanG]), builder.emit('Mul', [normalized, meanGx])]);
    gradients[0] = builder.emit('Mul', [centered, inverse]);
  }
  if (wants(1)) gradients[1] = unbroadcast(builder, builder.emit('Mul', [dy, normalized]), scale);
  if (shift !== undefined && shift !== '' && wants(2)) gradients[2] = unbroadcast(builder, dy, shift);
  return gradients;
};

/**
 * y = x̂·scale with x̂ = x·r, where r = 1/√(mean(x²) + ε) is the second output. With g = dy·scale: dx = r·(g −
 * x̂·mean(g·x̂)); dscale = Σ dy·x̂.
 */
export const rmsNormalization: GradientRule = ({ node, builder, upstream, wants }) => {
  const [x, scale] = node.inputs as [string, string];
  const inverse = node.outputs[1] as string;
  const dy = upstream[0] as string;
  const normalized = builder.emit('Mul', [x, inverse]);
  const gradients: (string | undefined)[] = [undefined, undefined];
  if (wants(0)) {
    const g = builder.emit('Mul', [dy, scale]);
    const mean = builder.emit('ReduceMean', [builder.emit('Mul', [g, normalized]), builder.ints([-1])], {
      keepdims: int(1),
    });
    gradients[0] = builder.emit('Mul', [builder.emit('Sub', [g, builder.emit('Mul', [normalized, mean])]), inverse]);
  }
  if (wants(1)) gradients[1] = unbroadcast(builder, builder.emit('Mul', [dy, normalized]), scale);
  return gradients;
};

/** dx = y·(dy − Σ y·dy) over the normalized axis. */
export const softmax: GradientRule = ({ node, builder, upstream }) => {
  const [y, dy] = [node.outputs[0] as string, upstream[0] as string];
  const axis = builder.ints([intAttribute(node, 'axis', -1)]);
  const row = builder.emit('ReduceSum', [builder.emit('Mul', [y, dy]), axis], { keepdims: int(1) });
  return [builder.emit('Mul', [y, builder.emit('Sub', [dy, row])])];
};

/** dx = dy − softmax(x)·Σ dy over the normalized axis. */
export const logSoftmax: GradientRule = ({ node, builder, upstream }) => {
  const dy = upstream[0] as string;
  const total = builder.emit('ReduceSum', [dy, builder.ints([intAttribute(node, 'axis', -1)])], { keepdims: int(1) });
  return [builder.emit('Sub', [dy, builder.emit('Mul', [builder.emit('Exp', [node.outputs[0] as string]), total])])];
};
