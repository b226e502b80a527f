// Texts are tokenized in the page, and an adapter is trained on them in a worker, in two stages.
import { METRICS, predictSplit, train, twoStage } from '@hadamard-adapter/core';
import { loadModelInWorker, saveAdapter } from '@hadamard-adapter/onnxruntime';
import { loadTokenizer, tokenize } from '@hadamard-adapter/tasks';

const address = (path) => new URL(`/mini-bert/${path}`, location.href);

/** Labels of `questions` after training on `texts`, and the names of the files of the adapter. */
async function learn(device, labels, texts, questions) {
  const tokenizer = loadTokenizer(new Uint8Array(await (await fetch(address('tokenizer.json'))).arrayBuffer()));
  const tokens = (examples, id) =>
    tokenize({ kind: 'classification', labels, skipped: [], examples }, tokenizer, { id });
  const model = await loadModelInWorker(
    { model: address('onnx/model.onnx') },
    { numLabels: labels.length, pooling: 'mean', device },
  );
  const plan = twoStage({
    classifier: { epochs: 20, learningRate: 0.02 },
    adapter: { epochs: 5, learningRate: 0.01 },
    seed: 0,
  });
  const trained = [];
  for await (const event of train(
    model,
    {
      train: await tokens(
        texts.map(([text, label]) => ({ text, label })),
        'train',
      ),
    },
    plan,
    { metric: METRICS.accuracy },
  )) {
    if (event.type === 'stage-end') trained.push(event.result.trainable);
  }
  const logits = await predictSplit(
    model,
    await tokens(
      questions.map((text) => ({ text })),
      'questions',
    ),
  );
  const answers = questions.map((_, row) => {
    const own = Array.from(logits.subarray(row * labels.length, (row + 1) * labels.length));
    return labels[own.indexOf(Math.max(...own))];
  });
  const files = await saveAdapter(model, { baseModel: 'mini-bert', labels });
  await model.dispose();
  return { trained, answers, files: Object.keys(files) };
}

globalThis.page = { learn };
