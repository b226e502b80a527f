import {
  adamw,
  clipGradient,
  hadamardBackward,
  hadamardForward,
  initialOptimizer,
  layout,
  referenceLoss,
  sequentialBatches,
  targetMatrix,
  uniform,
  type Batch,
  type Group,
  type RowLoss,
  type OptimizerState,
  type ParameterInfo,
  type Split,
  type TrainableModel,
} from '../../src/index.js';

const HIDDEN = 6;

/** Texts as random tokens whose first one decides the label. */
export function toySplit(
  id: string,
  size: number,
  seed: number,
  labelOf: (token: number) => number = (token) => token % 2,
): Split {
  const sizes = uniform(size, 1, 9, seed, 'lengths').map(Math.floor);
  const texts = Array.from(sizes, (length, row) =>
    Int32Array.from(uniform(length, 0, 40, seed, 'tokens', row).map(Math.floor)),
  );
  const lengths = Int32Array.from(sizes);
  const labels = Float32Array.from(texts, (text) => labelOf(text[0] as number));
  return {
    id,
    size,
    lengths,
    labels,
    batch(rows) {
      const sequence = Math.max(...Array.from(rows, (row) => lengths[row] as number));
      const inputIds = new Int32Array(rows.length * sequence);
      const attentionMask = new Int32Array(rows.length * sequence);
      rows.forEach((row, i) => {
        inputIds.set(texts[row] as Int32Array, i * sequence);
        attentionMask.fill(1, i * sequence, i * sequence + (lengths[row] as number));
      });
      return {
        batch: rows.length,
        sequence,
        inputIds,
        attentionMask,
        labels: Float32Array.from(rows, (row) => labels[row] as number),
        source: { split: id, rows },
      };
    },
  };
}

export interface ToyModel extends TrainableModel {
  /** Calls that matter to a test, in order. */
  readonly calls: string[];
}

/**
 * A model small enough to be written out: features of the tokens, an adapter, a norm's scale and shift, and a linear
 * classifier, with gradients by hand.
 */
export function toyModel({
  loss = 'cross-entropy',
  numLabels = 2,
}: { loss?: RowLoss; numLabels?: number } = {}): ToyModel {
  const parameters: ParameterInfo[] = [
    { name: 'classifier.weight', group: 'classifier', shape: [numLabels, HIDDEN] },
    { name: 'classifier.bias', group: 'classifier', shape: [numLabels] },
    { name: 'layer.0.adapter.weight', group: 'adapter', shape: [HIDDEN] },
    { name: 'layer.0.adapter.bias', group: 'adapter', shape: [HIDDEN] },
    { name: 'layer.0.attention_norm.weight', group: 'norm', shape: [HIDDEN] },
    { name: 'layer.0.attention_norm.bias', group: 'norm', shape: [HIDDEN] },
  ];
  const places = layout(parameters);
  const values = new Float32Array(places.size);
  values.set(uniform(numLabels * HIDDEN, -0.1, 0.1, 7), 0);
  places.slice(values, 'layer.0.adapter.weight').fill(1);
  places.slice(values, 'layer.0.attention_norm.weight').fill(1);
  let optimizer: OptimizerState | undefined;
  const calls: string[] = [];

  const features = ({ batch, sequence, inputIds }: Batch): Float32Array =>
    Float32Array.from({ length: batch * HIDDEN }, (_, i) => {
      const token = inputIds[Math.floor(i / HIDDEN) * sequence] as number;
      return Math.cos((token * (1 + (i % HIDDEN))) / 2) + (token % 2 === i % 2 ? 0.3 : 0);
    });
  const named = (name: string): Float32Array => places.slice(values, name);

  const forward = (batch: Batch) => {
    const x = features(batch);
    const y = hadamardForward(x, named('layer.0.adapter.weight'), named('layer.0.adapter.bias'));
    const z = hadamardForward(y, named('layer.0.attention_norm.weight'), named('layer.0.attention_norm.bias'));
    const [weight, bias] = [named('classifier.weight'), named('classifier.bias')];
    const logits = Float32Array.from({ length: batch.batch * numLabels }, (_, i) => {
      const [row, label] = [Math.floor(i / numLabels), i % numLabels];
      let sum = bias[label] as number;
      for (let k = 0; k < HIDDEN; k++) sum += (weight[label * HIDDEN + k] as number) * (z[row * HIDDEN + k] as number);
      return sum;
    });
    return { x, y, z, logits };
  };

  const gradients = (batch: Batch, groups: readonly Group[]) => {
    const { x, y, z, logits } = forward(batch);
    const { loss: value, gradient } = referenceLoss(
      loss,
      logits,
      targetMatrix(batch.labels as Float32Array, loss, numLabels, batch),
      numLabels,
    );
    const all = new Float32Array(places.size);
    const weight = named('classifier.weight');
    const dz = new Float32Array(z.length);
    gradient.forEach((slope, i) => {
      const [row, label] = [Math.floor(i / numLabels), i % numLabels];
      const bias = places.offset('classifier.bias') + label;
      all[bias] = (all[bias] as number) + slope;
      for (let k = 0; k < HIDDEN; k++) {
        const entry = label * HIDDEN + k;
        all[entry] = (all[entry] as number) + slope * (z[row * HIDDEN + k] as number);
        dz[row * HIDDEN + k] = (dz[row * HIDDEN + k] as number) + slope * (weight[entry] as number);
      }
    });
    const norm = hadamardBackward(y, named('layer.0.attention_norm.weight'), dz);
    const adapter = hadamardBackward(x, named('layer.0.adapter.weight'), norm.dx);
    all.set(adapter.dw, places.offset('layer.0.adapter.weight'));
    all.set(adapter.db, places.offset('layer.0.adapter.bias'));
    all.set(norm.dw, places.offset('layer.0.attention_norm.weight'));
    all.set(norm.db, places.offset('layer.0.attention_norm.bias'));
    return { loss: value, gradients: places.gather(all, groups) };
  };

  return {
    calls,
    runtime: 'toy',
    device: 'js',
    parameters,
    numLabels,
    loss,
    async read(groups) {
      return places.gather(values, groups);
    },
    async write(part, groups) {
      places.scatter(values, part, groups);
    },
    async gradients(batch, groups) {
      return gradients(batch, groups);
    },
    async step(batches, { groups, maxGradientNorm, ...settings }) {
      const rows = batches.reduce((sum, { batch }) => sum + batch, 0);
      const sum = new Float32Array(places.sizeOfGroups(groups));
      let total = 0;
      for (const batch of batches) {
        const part = gradients(batch, groups);
        const share = batch.batch / rows;
        total += part.loss * share;
        sum.forEach((value, i) => (sum[i] = value + share * (part.gradients[i] as number)));
      }
      if (maxGradientNorm !== undefined) clipGradient(sum, maxGradientNorm);
      const state = optimizer?.groups.join() === groups.join() ? optimizer : initialOptimizer(groups, sum.length);
      const trained = places.gather(values, groups);
      optimizer = adamw(trained, sum, state, settings);
      places.scatter(values, trained, groups);
      calls.push(`step ${groups.join('+')} ${batches.map(({ batch }) => batch).join(',')}`);
      return { loss: total };
    },
    async predict(batch) {
      return forward(batch).logits;
    },
    async encode(batch) {
      return forward(batch).z;
    },
    async readOptimizer() {
      return optimizer === undefined
        ? undefined
        : { ...optimizer, first: optimizer.first.slice(), second: optimizer.second.slice() };
    },
    async writeOptimizer(state) {
      optimizer =
        state === undefined ? undefined : { ...state, first: state.first.slice(), second: state.second.slice() };
    },
    async precompute(split, groups, { maxBytes, onProgress, signal }) {
      calls.push(`precompute ${split.id} ${groups.join('+')} ${maxBytes}`);
      let done = 0;
      for (const rows of sequentialBatches(split.lengths, 16)) {
        if (signal?.aborted === true) return 0;
        done += rows.length;
        onProgress?.(done, split.size);
        await Promise.resolve();
      }
      return done;
    },
    async dispose() {},
  };
}
