import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type * as current from '@huggingface/transformers';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { pipeline, type SequenceClassifier } from '../src/index.js';
import { ASSETS, LIBRARIES, QUICK, examples, failure, learned, loaderOf } from './support.js';

const train = examples('train', 160);
const test = examples('test', 60);
const TEXTS = ['Peel the potatoes and boil them.', 'The keeper saved the penalty.', 'Her flight to Lima was late.'];
const half = (from: number): typeof train => ({
  texts: train.texts.filter((_, i) => i % 2 === from),
  labels: train.labels.filter((_, i) => i % 2 === from),
});
const maximum = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Math.max(...Array.from(a, (value, i) => Math.abs(value - (b[i] as number))));

/** Bytes of buffers that something still holds. */
async function heldBytes(): Promise<number> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const seen: number[] = [];
  // Buffers that nobody holds are given back beside the program, some time after a collection.
  while (seen.length < 5 || Math.min(...seen.slice(-4)) < Math.min(...seen.slice(0, -4))) {
    collect();
    seen.push(process.memoryUsage().arrayBuffers);
    await setTimeout(20);
  }
  return Math.min(...seen);
}

/** For what needs an adapter, or its losses, and not a good one. */
const BRIEF = { ...QUICK, classifier: { epochs: 3, learningRate: 0.02 }, num_train_epochs: 1 } as const;

/** What the first library has learned, for the other. */
const shared = mkdtempSync(join(tmpdir(), 'hadamard-learned-'));
afterAll(() => rmSync(shared, { recursive: true, force: true }));

describe.each(LIBRARIES)('%s', (_, transformers) => {
  const load = loaderOf(transformers);
  let model: SequenceClassifier;
  let folder: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'hadamard-transformers-'));
    model = await load();
    const few = examples('train', 24);
    const food = ({ texts, labels }: typeof train): typeof train => ({
      texts,
      labels: labels.map((label) => (label === 'food' ? 'yes' : 'no')),
    });
    await learned(model, join(shared, 'default'), { all: train, few }, QUICK);
    await model.fit(half(0), { ...BRIEF, adapter_name: 'other', seed: 1 });
    await learned(
      model,
      join(shared, 'food'),
      { all: food(train), few: food(few) },
      {
        ...QUICK,
        adapter_name: 'food',
        id2label: { 0: 'no', 1: 'yes' },
      },
    );
    await model.set_adapter('default');
  });
  afterAll(async () => {
    await model.dispose();
    rmSync(folder, { recursive: true, force: true });
  });

  describe('a model with adapters', () => {
    it('learns in two stages, and is scored', async () => {
      await model.set_adapter('default');
      const { accuracy = 0 } = await model.evaluate(test);
      // Six classes: one in six is chance.
      expect(accuracy).toBeGreaterThan(0.4);
      expect(model.adapters).toEqual(['default', 'other', 'food']);
      expect(model.active_adapter).toBe('default');
    });

    it('reports stages and events, and goes on from where an adapter is', async () => {
      const events: string[] = [];
      const { stages, adapter_name: name } = await model.fit(half(1), {
        ...BRIEF,
        adapter_name: 'again',
        eval_dataset: test,
        on_progress: ({ type }) => events.push(type),
      });
      expect(name).toBe('again');
      expect(stages.map(({ name: stage, trainable }) => [stage, trainable])).toEqual([
        ['classifier', 6 * 257],
        ['adapter', 4096],
      ]);
      expect(events).toContain('step');
      expect(events.at(-1)).toBe('end');
      const loss = stages.at(-1)?.loss as number;
      const more = await model.fit(half(1), { ...BRIEF, adapter_name: 'again' });
      expect(more.stages[0]?.loss).toBeLessThan(stages[0]?.loss as number);
      expect(more.stages.at(-1)?.loss).toBeLessThan(loss);
      model.delete_adapter('again');
      expect(model.adapters).not.toContain('again');
    });

    it('is a model of transformers.js: called with what its tokenizer answers, and run by its pipelines', async () => {
      await model.set_adapter('food');
      expect(model).toBeInstanceOf(transformers.BertForSequenceClassification);
      const inputs = await (
        model.tokenizer as unknown as (texts: string[], options: object) => Promise<Record<string, unknown>>
      )(TEXTS, { padding: true });
      const { logits } = await model(inputs);
      expect(logits?.dims).toEqual([3, 2]);
      const classifier = await pipeline('text-classification', model, { transformers });
      expect(classifier).toBeInstanceOf(transformers.TextClassificationPipeline);
      const answers = (await classifier(TEXTS)) as { label: string; score: number }[];
      const own = await model.classify(TEXTS);
      expect(answers.map(({ label }) => label)).toEqual(own.map(({ label }) => label));
      expect(answers.map(({ label }) => label)).toEqual(['yes', 'no', 'no']);
      answers.forEach(({ score }, i) => expect(Math.abs(score - (own[i]?.score as number))).toBeLessThan(1e-6));
      // The earlier generation has another word for it.
      expect(((await classifier(TEXTS[0] as string, { top_k: 2, topk: 2 } as object)) as unknown[]).length).toBe(2);
    });

    it('answers with an adapter of its own for each row, as if the rows were run one adapter at a time', async () => {
      const names = ['default', 'food', 'other'];
      const inputs = await (
        model.tokenizer as unknown as (texts: string[], options: object) => Promise<Record<string, unknown>>
      )(TEXTS, { padding: true });
      const { logits: mixed } = await model({ ...inputs, adapter_names: names });
      expect(mixed?.dims).toEqual([3, 6]);
      for (const [row, name] of names.entries()) {
        await model.set_adapter(name);
        const { logits } = await model(inputs);
        const labels = logits?.dims[1] as number;
        const alone = Array.from(logits?.data ?? [], Number).slice(row * labels, (row + 1) * labels);
        // Two graphs round norms and classifier differently: up to 1.05e-6 of a logit with the first position pooled,
        // 1.3e-6 with the mean, on adapters of this base.
        expect(maximum(alone, Array.from(mixed?.data ?? [], Number).slice(row * 6, row * 6 + labels))).toBeLessThan(
          2e-6 * Math.max(1, ...alone.map(Math.abs)),
        );
      }
      // What an adapter has no label for is −∞, and 0 to a softmax.
      expect(Array.from(mixed?.data ?? [], Number).slice(8, 12)).toEqual(
        Array.from({ length: 4 }, () => Number.NEGATIVE_INFINITY),
      );
      expect((await model.classify(TEXTS, { adapter_names: names })).map(({ label }) => label)[1]).toBe('no');
    });

    it('takes rows of a dataset, says in its card how well it does, and has names in camel case', async () => {
      const rows = ({ texts, labels }: typeof train): { text: string; label: string }[] =>
        texts.map((text, i) => ({ text, label: labels[i] as string }));
      await model.fit(rows(half(0)), { ...BRIEF, adapter_name: 'rows', seed: 1, eval_dataset: rows(test) });
      const { accuracy = 0 } = await model.evaluate(rows(test));
      const target = join(folder, 'rows');
      await model.savePretrained(target);
      const card = readFileSync(join(target, 'README.md'), 'utf8');
      expect(card).toContain(`| **accuracy** | ${accuracy.toFixed(4)} |`);
      expect(card).toContain('| numbers trained | 4,096 of 5,289,984 (0.0774 %) |');
      expect((await failure(model.fit([{ text: 'a', label: 0 }, { text: 'b' }]))).message).toMatch(
        /row 1 with text.*label/,
      );
      expect(await failure(model.fit([{ txt: 'a' }]))).toMatchObject({ code: 'COLUMN_MISSING' });
      model.deleteAdapter('rows');
    });

    it('tells what is trained', async () => {
      await model.set_adapter('default');
      const log = vi.spyOn(console, 'log').mockImplementation(() => {});
      expect(model.print_trainable_parameters()).toBe(
        'trainable params: 4,096 || all params: 5,289,984 || trainable%: 0.0774',
      );
      expect(log).toHaveBeenCalledOnce();
      log.mockRestore();
    });
  });

  describe('a saved adapter', () => {
    it('comes back with the same answers, from its folder and from its files', async () => {
      await model.set_adapter('default');
      const target = join(folder, 'subjects');
      await model.save_pretrained(target);
      expect(readdirSync(target).toSorted()).toEqual(['README.md', 'adapter_config.json', 'adapter_model.safetensors']);
      const expected = await model.classify(test.texts);
      const fresh = await load({ adapter: target });
      expect(await fresh.classify(test.texts)).toEqual(expected);
      const files = Object.fromEntries(
        readdirSync(target).map((name) => [name, new Uint8Array(readFileSync(join(target, name)))]),
      );
      await fresh.load_adapter(files, { adapter_name: 'files' });
      expect(fresh.active_adapter).toBe('files');
      expect(await fresh.classify(test.texts)).toEqual(expected);
      await fresh.dispose();
    });
  });

  describe('a merged adapter', () => {
    it('is a model that transformers.js runs by itself, with the same logits', async () => {
      await model.set_adapter('default');
      const id = join(folder, 'merged');
      mkdirSync(join(id, 'onnx'), { recursive: true });
      writeFileSync(join(id, 'onnx', 'model.onnx'), Buffer.concat(await model.merge_and_unload()));
      for (const name of ['config.json', 'tokenizer.json', 'tokenizer_config.json'])
        cpSync(join(ASSETS, 'mini-bert', name), join(id, name));
      const inputs = await (
        model.tokenizer as unknown as (texts: string[], options: object) => Promise<Record<string, unknown>>
      )(TEXTS, { padding: true });
      const expected = Array.from((await model(inputs)).logits?.data ?? [], Number);
      const { env, AutoModelForSequenceClassification } = transformers as unknown as typeof current;
      const before = env.localModelPath;
      env.localModelPath = `${folder}/`;
      // Each generation has its own words for the file with all digits.
      const options = { dtype: 'fp32', quantized: false, device: 'cpu' } as object;
      const merged = (await AutoModelForSequenceClassification.from_pretrained('merged', options)) as unknown as (
        given: object,
      ) => Promise<{ logits: { data: Float32Array } }>;
      env.localModelPath = before;
      const { logits } = await merged(inputs);
      // Folding multiplies in another order, and an int8 base rounds activations that are a little different.
      expect(maximum(Array.from(logits.data), expected)).toBeLessThan(2e-2);
    });

    it('a new adapter is there without training, and can be trained', async () => {
      const { id2label } = await model.add_adapter('new', { id2label: ['a', 'b'], pooling: 'mean' });
      expect(id2label).toEqual({ 0: 'a', 1: 'b' });
      expect(model.active_adapter).toBe('new');
      const two = ({ texts, labels }: typeof train): typeof train => {
        const rows = [...labels.keys()].filter((row) => labels[row] === 'food' || labels[row] === 'sport');
        return {
          texts: rows.map((row) => texts[row] as string),
          labels: rows.map((row) => (labels[row] === 'food' ? 'a' : 'b')),
        };
      };
      const { accuracy: untrained = 0 } = await model.evaluate(two(test));
      await model.fit(two(train), { ...QUICK, adapter_name: 'new' });
      const { accuracy = 0 } = await model.evaluate(two(test));
      expect(accuracy).toBeGreaterThan(Math.max(untrained, 0.6));
      model.delete_adapter('new');
    });
  });

  describe('many adapters', () => {
    it('are swapped in less than a millisecond each, and take the memory of their bytes', async () => {
      const target = join(folder, 'many');
      await model.save_pretrained(target, { adapter_name: 'default' });
      const files = Object.fromEntries(
        readdirSync(target).map((name) => [name, new Uint8Array(readFileSync(join(target, name)))]),
      );
      const own = (): typeof files =>
        Object.fromEntries(Object.entries(files).map(([name, bytes]) => [name, bytes.slice()]));
      const bytes = Object.values(files).reduce((sum, { byteLength }) => sum + byteLength, 0);
      const fresh = await load();
      await fresh.load_adapter(own(), { adapter_name: 'first' });
      await fresh.classify(TEXTS);
      const before = await heldBytes();
      for (let i = 0; i < 100; i++) await fresh.load_adapter(own(), { adapter_name: `adapter_${i}` });
      await fresh.classify(TEXTS);
      // The files, and their numbers as the graph reads them; a little is held by libraries around them.
      const held = (await heldBytes()) - before;
      expect(held / 100).toBeLessThan(2.1 * bytes);
      fresh.delete_adapter('first');
      const started = performance.now();
      for (let i = 0; i < 100; i++) await fresh.set_adapter(`adapter_${i}`);
      expect((performance.now() - started) / 100).toBeLessThan(1);
      expect(fresh.adapters).toHaveLength(100);
      await fresh.dispose();
    });
  });

  describe('mistakes', () => {
    it.each([
      [
        'an adapter that is not there',
        () => model.set_adapter('missing'),
        'ADAPTER_UNKNOWN',
        /missing.*default, other, food/,
      ],
      ['deleting one that is not there', async () => model.delete_adapter('missing'), 'ADAPTER_UNKNOWN', /default/],
      [
        'saving one that is not there',
        () => model.save_pretrained(folder, { adapter_name: 'missing' }),
        'ADAPTER_UNKNOWN',
        /default/,
      ],
      [
        'an unknown adapter for a row',
        () => model.classify(['a'], { adapter_names: ['missing'] }),
        'ADAPTER_UNKNOWN',
        /missing/,
      ],
      [
        'too few names',
        () => model.classify(['a', 'b'], { adapter_names: ['default'] }),
        'ADAPTER_NAMES',
        /1 names.*2/,
      ],
      ['a folder without an adapter', () => model.load_adapter(ASSETS), 'HUB_FILE', /adapter_config\.json/],
      ['something that is no adapter', () => model.load_adapter(7 as never), 'ADAPTER_SOURCE', /hub id/],
      [
        'a label that is not known',
        () => model.evaluate({ texts: ['a'], labels: ['weather'] }),
        'LABEL_UNKNOWN',
        /weather.*food/,
      ],
      ['too few labels', () => model.fit({ texts: ['a', 'b'], labels: [0] }), 'LABEL_COUNT', /2/],
      ['no texts', () => model.classify([]), 'TEXT_EMPTY', /at least one/],
      [
        'another task',
        () => pipeline('fill-mask' as 'text-classification', model, { transformers }),
        'TASK_UNKNOWN',
        /text-classification/,
      ],
      ['no library', () => load({ transformers: {} }), 'LIBRARY_MISSING', /npm install/],
      ['a dtype that there is no file of', () => load({ dtype: 'fp16' }), 'HUB_FILE', /model_fp16\.onnx/],
      ['a dtype that nobody trains on', () => load({ dtype: 'q4' as never }), 'DTYPE_UNKNOWN', /q8/],
      ['an adapter folder that is not there', () => load({ adapter: join(folder, 'nothing') }), 'HUB_FILE', /nothing/],
    ])('%s', async (__, action, code, message) => {
      await model.set_adapter('default');
      const error = await failure(action as () => Promise<unknown>);
      expect(error.code).toBe(code);
      expect(error.message).toMatch(message);
    });

    it('nothing is active, at first or after the active one was deleted', async () => {
      const fresh = await load();
      expect(fresh.active_adapter).toBeUndefined();
      expect(await failure(fresh.classify(TEXTS))).toMatchObject({ code: 'ADAPTER_NONE' });
      await fresh.dispose();
    });

    it('an adapter of another base is refused with both hashes', async () => {
      const target = join(folder, 'foreign');
      await model.save_pretrained(target, { adapter_name: 'default' });
      const config = JSON.parse(readFileSync(join(target, 'adapter_config.json'), 'utf8')) as Record<string, unknown>;
      const foreign = {
        'adapter_config.json': new TextEncoder().encode(
          JSON.stringify({ ...config, base_weights_sha256: 'f'.repeat(64) }),
        ),
        'adapter_model.safetensors': new Uint8Array(readFileSync(join(target, 'adapter_model.safetensors'))),
      };
      const error = await failure(model.load_adapter(foreign, { adapter_name: 'foreign' }));
      expect(error.code).toBe('ADAPTER_BASE_MISMATCH');
      expect(error.message).toContain('f'.repeat(8));
      expect(error.message).toContain(String(config['base_weights_sha256']).slice(0, 8));
      expect(model.adapters).not.toContain('foreign');
    });

    it('training that is stopped leaves adapters as they were', async () => {
      const before = await model.classify(TEXTS);
      const controller = new AbortController();
      const error = await failure(
        model.fit(train, {
          ...QUICK,
          signal: controller.signal,
          on_progress: ({ type }) => type === 'step' && controller.abort(),
        }),
      );
      expect(error.code).toBe('ABORTED');
      expect(await model.classify(TEXTS)).toEqual(before);
    });

    it('no file is left half written', () => {
      expect(
        existsSync(folder) &&
          readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.tmp')),
      ).toEqual([]);
    });
  });
});
