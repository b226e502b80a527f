// A page as a user writes it: the published packages, no path into the repository.
import { availableDevices, loadModel, loadModelInWorker } from '@hadamard-adapter/onnxruntime';

/** Three steps on one example; answers the losses. */
async function train(load, device) {
  const model = await load({ model: new URL('/model.onnx', location.href) }, { numLabels: 2, device });
  const batch = {
    batch: 1,
    sequence: 4,
    inputIds: Int32Array.of(2, 5, 6, 3),
    attentionMask: Int32Array.of(1, 1, 1, 1),
    labels: Float32Array.of(1),
  };
  const losses = [];
  for (let step = 0; step < 3; step++)
    losses.push((await model.step([batch], { groups: ['adapter', 'norm'], learningRate: 0.01 })).loss);
  await model.dispose();
  return losses;
}

globalThis.page = {
  availableDevices,
  train: (device) => train(loadModel, device),
  trainInWorker: (device) => train(loadModelInWorker, device),
};
