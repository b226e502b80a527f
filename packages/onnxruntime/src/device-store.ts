import { parameterInfo, type AdapterModel } from '@hadamard-adapter/compiler/internal';
import { DeviceStore, type StoreDevice } from '@hadamard-adapter/runtime/internal';
import type { Tensor } from 'onnxruntime-common';
import type { OrtModule } from './ort.js';
import type { Programs } from './programs.js';
import { numbersOf } from './session.js';

/** What a store on ONNX Runtime takes of the executor. */
export interface StoreHost extends Pick<StoreDevice<Tensor>, 'train' | 'retried'> {
  readonly ort: () => OrtModule;
  readonly programs: Programs;
}

/** Parameters and optimizer of a model in tensors of ONNX Runtime. */
export function deviceStore(
  model: AdapterModel,
  parameters: Float32Array,
  { ort, programs, train, retried }: StoreHost,
): DeviceStore<Tensor> {
  return new DeviceStore<Tensor>(model.parameters.map(parameterInfo), parameters, {
    tensor: (data, dims) => new (ort().Tensor)('float32', data, dims),
    read: (tensor) => numbersOf(tensor, 'the state of training'),
    free: (tensor) => {
      // Those in memory have nothing to free, and may be views of what is still needed.
      if (tensor.location === 'gpu-buffer') tensor.dispose();
    },
    program: (key, compile, keep) => programs.get(key, compile, { keep }),
    train,
    retried,
  });
}
