import { MismatchError } from '@hadamard-adapter/core';
import type { Tensor } from '@tensorflow/tfjs-core';
import { elementAt, present } from '@hadamard-adapter/core/internal';
import type { KerasTf, Layer, Shape } from './keras-tf.js';

/** What every layer of TensorFlow.js can be given: `name`, `trainable`, `inputShape`, … */
export type HadamardAdapterConfig = NonNullable<ConstructorParameters<KerasTf['layers']['Layer']>[0]>;

export interface HadamardAdapterClass {
  new (config?: HadamardAdapterConfig): Layer;
  readonly className: string;
}

const CLASS_NAME = 'HadamardAdapter';

/** By the name that is also saved, so that two copies of this package know each other's layers. */
export const isAdapter = (layer: Layer): boolean => layer.getClassName() === CLASS_NAME;

const areShapes = (shape: Shape | Shape[]): shape is Shape[] => Array.isArray(shape[0]);

/**
 * Numbers in the last axis of what an adapter is given.
 *
 * @throws MismatchError ADAPTER_SHAPE for several tensors, fewer than two axes, or a last axis of unknown size; `what`
 *   names the layer.
 */
export function channelsOf(shape: Shape | Shape[], what: string): number {
  const shapes = areShapes(shape) ? shape : [shape];
  const [only = []] = shapes;
  const channels = only.at(-1);
  if (shapes.length === 1 && only.length >= 2 && typeof channels === 'number') return channels;
  throw new MismatchError(`An adapter cannot sit behind ${what}`, {
    code: 'ADAPTER_SHAPE',
    found: shapes.length === 1 ? `shape ${text(only)}` : `${shapes.length} tensors`,
    expected: 'one tensor [batch, …, channels] with a known number of channels',
  });
}

/**
 * The Hadamard adapter (Chen et al. 2023, section 3.2) as a layer: y = w ⊙ x + b over the last axis, with weights `w`
 * [channels], ones at first, and `b` [channels], zeros at first. So a new adapter changes no prediction. Masks pass
 * through.
 *
 * The class is made for one TensorFlow.js, because it has to extend that one's Layer, and registered there for
 * `tf.loadLayersModel`.
 */
export function defineAdapter(tf: KerasTf): HadamardAdapterClass {
  class HadamardAdapter extends tf.layers.Layer {
    static className = CLASS_NAME;
    private w: LayerWeight | undefined;
    private b: LayerWeight | undefined;

    constructor(config: HadamardAdapterConfig = {}) {
      super(config);
      this.supportsMasking = true;
    }

    override build(inputShape: Shape | Shape[]): void {
      const channels = this.channels(inputShape);
      this.w = this.addWeight('w', [channels], 'float32', tf.initializers.ones());
      this.b = this.addWeight('b', [channels], 'float32', tf.initializers.zeros());
      this.built = true;
    }

    override computeOutputShape(inputShape: Shape | Shape[]): Shape | Shape[] {
      this.channels(inputShape);
      return inputShape;
    }

    override call(inputs: Tensor | Tensor[], kwargs: Parameters<Layer['call']>[1]): Tensor {
      return tf.tidy(() => {
        this.invokeCallHook(inputs, kwargs);
        const list = Array.isArray(inputs) ? inputs : [inputs];
        this.channels(list.map(({ shape }) => shape));
        return tf.add(tf.mul(elementAt(list, 0), present(this.w).read()), present(this.b).read());
      });
    }

    /** Its channels; after `build`, no others are accepted. */
    private channels(shape: Shape | Shape[]): number {
      const channels = channelsOf(shape, `the input of "${this.name}"`);
      const own = this.w?.shape[0];
      if (own !== undefined && own !== channels) {
        throw new MismatchError(`The adapter "${this.name}" does not fit its input`, {
          code: 'ADAPTER_SHAPE',
          found: `${channels} channels`,
          expected: `${own}`,
        });
      }
      return channels;
    }
  }
  tf.serialization.registerClass(HadamardAdapter);
  return HadamardAdapter;
}

type LayerWeight = Layer['weights'][number];

const text = (shape: Shape): string => `[${shape.map((size) => size ?? '?').join(', ')}]`;
