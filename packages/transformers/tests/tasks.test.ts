import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromFloat32, normal, writeSafetensors, type Files } from '@hadamard-adapter/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  HadamardModelForFeatureExtraction,
  HadamardModelForQuestionAnswering,
  HadamardModelForSequenceClassification,
  HadamardModelForTokenClassification,
  pipeline,
  type FeatureExtractor,
  type LabelledQuestions,
  type LabelledTexts,
  type LabelledWords,
  type QuestionAnswerer,
  type TokenClassifier,
} from '../src/index.js';
import { LIBRARIES, failure, learned } from './support.js';

const ANIMALS = ['cow', 'horse', 'dog', 'cat', 'bird', 'fish', 'sheep', 'pig', 'wolf', 'bear'];
const MACHINES = ['engine', 'pump', 'motor', 'truck', 'train', 'ship', 'crane', 'mill', 'car', 'tractor'];
const PLACES = ['in the yard', 'near the old house', 'by the river', 'on the road', 'behind the wall', 'at the market'];
const pick = <T>(list: readonly T[], i: number): T => list[i % list.length] as T;

/** An animal and a machine in each text; those of the last two of each list are kept for the test. */
function words(count: number, from: number, to: number): LabelledWords & { readonly labels: string[][] } {
  const rows = Array.from({ length: count }, (_, i) => {
    const [animal, machine] = [pick(ANIMALS.slice(from, to), i), pick(MACHINES.slice(from, to), 3 * i + 1)];
    const place = pick(PLACES, 5 * i).split(' ');
    return i % 2 === 0
      ? {
          tokens: ['The', animal, 'saw', 'the', machine, ...place],
          labels: ['O', 'B-ANIMAL', 'O', 'O', 'B-MACHINE', ...place.map(() => 'O')],
        }
      : {
          tokens: ['A', machine, 'stood', ...place, 'and', 'the', animal, 'ran'],
          labels: ['O', 'B-MACHINE', 'O', ...place.map(() => 'O'), 'O', 'O', 'B-ANIMAL', 'O'],
        };
  });
  return { tokens: rows.map(({ tokens }) => tokens), labels: rows.map(({ labels }) => labels) };
}

/** Which animal or which machine is asked for; the text names one of each. */
function questions(count: number, from: number, to: number): LabelledQuestions {
  const rows = Array.from({ length: count }, (_, i) => {
    const [animal, machine] = [pick(ANIMALS.slice(from, to), i), pick(MACHINES.slice(from, to), 3 * i + 1)];
    const context =
      i % 4 < 2
        ? `The ${animal} saw the ${machine} ${pick(PLACES, i)}.`
        : `Behind the ${machine} there was a ${animal} ${pick(PLACES, i)}.`;
    const answer = i % 2 === 0 ? animal : machine;
    return {
      question: i % 2 === 0 ? 'Which animal is it?' : 'Which machine is it?',
      context,
      answer: { text: answer, answer_start: context.indexOf(answer) },
    };
  });
  return {
    questions: rows.map(({ question }) => question),
    contexts: rows.map(({ context }) => context),
    answers: rows.map(({ answer }) => answer),
  };
}

/** Two texts about animals, or about machines, are alike. */
function pairs(count: number, from: number, to: number): LabelledTexts {
  const about = (list: readonly string[], i: number): string =>
    `The ${pick(list.slice(from, to), i)} was ${pick(PLACES, i)}.`;
  const rows = Array.from({ length: count }, (_, i) => {
    const lists = [ANIMALS, MACHINES];
    const [left, right] = [i % 2, (i >> 1) % 2];
    return {
      text: about(lists[left] as string[], i),
      other: about(lists[right] as string[], 7 * i + 2),
      label: left === right ? 1 : 0,
    };
  });
  return {
    texts: rows.map(({ text }) => text),
    text_pairs: rows.map(({ other }) => other),
    labels: rows.map(({ label }) => label),
  };
}

const QUICK = {
  classifier: { epochs: 12, learningRate: 0.02 },
  num_train_epochs: 6,
  learning_rate: 0.01,
  per_device_train_batch_size: 16,
} as const;
type Encode = (texts: string | string[], options: object) => Promise<Record<string, unknown>>;

/** What the first library has learned, for the other. */
const shared = mkdtempSync(join(tmpdir(), 'hadamard-learned-'));
afterAll(() => rmSync(shared, { recursive: true, force: true }));

describe.each(LIBRARIES)('%s', (_, transformers) => {
  const options = { transformers, threads: 1 };
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'hadamard-tasks-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  describe('token classification', () => {
    let model: TokenClassifier;
    const test = words(24, 8, 10);
    beforeAll(async () => {
      model = await HadamardModelForTokenClassification.from_pretrained('mini-bert', options);
      await learned(model, join(shared, 'words'), { all: words(64, 0, 8), few: words(8, 0, 8) }, QUICK);
    });
    afterAll(() => model.dispose());

    it('finds entities that it was not trained on', async () => {
      const { f1 = 0, accuracy = 0 } = await model.evaluate(test);
      // All words O: 0, and three of four words right.
      expect(f1).toBeGreaterThan(0.7);
      expect(accuracy).toBeGreaterThan(0.9);
    });

    it('takes rows as CoNLL has them', async () => {
      expect(await model.evaluate(test.tokens.map((tokens, i) => ({ tokens, ner_tags: test.labels[i] })))).toEqual(
        await model.evaluate(test),
      );
    });

    it('labels each word, and is scored by what it answers', async () => {
      const answers = await model.classify(test.tokens);
      expect(answers.map((row) => row.map(({ word }) => word))).toEqual(test.tokens);
      const labels = test.labels.flat();
      const right = answers.flat().filter(({ label }, i) => label === labels[i]).length;
      expect(right / labels.length).toBeCloseTo((await model.evaluate(test))['accuracy'] as number, 12);
    });

    it('runs in a pipeline of transformers.js, saved and loaded again', async () => {
      const target = join(folder, 'words');
      await model.save_pretrained(target);
      const run = await pipeline('token-classification', 'mini-bert', { ...options, adapter: target });
      expect(run).toBeInstanceOf(transformers.TokenClassificationPipeline);
      expect(run.model).toBeInstanceOf(transformers.BertForTokenClassification);
      const found = (await run('The cow saw the engine by the river')) as { word: string; entity: string }[];
      expect(found.map(({ word, entity }) => [word, entity])).toEqual([
        ['cow', 'B-ANIMAL'],
        ['engine', 'B-MACHINE'],
      ]);
      expect(await run.model.classify(test.tokens)).toEqual(await model.classify(test.tokens));
      await run.model.dispose();
    });

    it('mixes adapters with other labels in one batch, as if they were run one at a time', async () => {
      await model.add_adapter('more', { id2label: ['O', 'a', 'b', 'c', 'd'], seed: 4 });
      const inputs = await (model.tokenizer as unknown as Encode)(['The cow saw the engine', 'A dog'], {
        padding: true,
      });
      const { logits: mixed } = await model({ ...inputs, adapter_names: ['default', 'more'] });
      const [, sequence = 0, widest = 0] = mixed?.dims ?? [];
      expect(widest).toBe(5);
      for (const [row, name] of ['default', 'more'].entries()) {
        await model.set_adapter(name);
        const { logits } = await model(inputs);
        const labels = logits?.dims[2] as number;
        for (let token = 0; token < sequence; token++) {
          for (let label = 0; label < widest; label++) {
            const together = mixed?.data[(row * sequence + token) * widest + label] as number;
            const alone =
              label < labels
                ? (logits?.data[(row * sequence + token) * labels + label] as number)
                : Number.NEGATIVE_INFINITY;
            if (alone === Number.NEGATIVE_INFINITY) expect(together).toBe(alone);
            // Float32 has seven digits.
            else expect(Math.abs(together - alone)).toBeLessThan(1e-6 * Math.max(1, Math.abs(alone)));
          }
        }
      }
      model.delete_adapter('more');
      await model.set_adapter('default');
    });
  });

  describe('question answering', () => {
    let model: QuestionAnswerer;
    beforeAll(async () => {
      model = await HadamardModelForQuestionAnswering.from_pretrained('mini-bert', options);
      const data = { all: questions(96, 0, 8), few: questions(8, 0, 8) };
      await learned(model, join(shared, 'questions'), data, { ...QUICK, num_train_epochs: 10 });
    });
    afterAll(() => model.dispose());

    it('finds the answer', async () => {
      const test = questions(32, 0, 8);
      const { exact_match: exact = 0, f1 = 0 } = await model.evaluate(test);
      // One of some ten words by chance.
      expect(exact).toBeGreaterThan(0.4);
      expect(f1).toBeGreaterThanOrEqual(exact);
      const answers = await model.answer(test.questions, test.contexts);
      const right = answers.filter(({ answer }, i) => answer === test.answers?.[i]?.text).length;
      expect(right / 32).toBeGreaterThanOrEqual(exact);
      expect(answers.every(({ score }) => score > 0 && score <= 1)).toBe(true);
    });

    it('runs in a pipeline of transformers.js', async () => {
      const run = await pipeline('question-answering', model, options);
      expect(run).toBeInstanceOf(transformers.QuestionAnsweringPipeline);
      const {
        questions: [question],
        contexts: [context],
      } = questions(1, 0, 8);
      const [own] = await model.answer([question as string], [context as string]);
      expect(await run(question, context)).toMatchObject({ answer: own?.answer });
    });

    it('refuses answers that are not there, and questions that leave no room', async () => {
      expect(
        await failure(
          model.evaluate({ questions: ['Which?'], contexts: ['A cow.'], answers: [{ text: 'dog', answer_start: 2 }] }),
        ),
      ).toMatchObject({ code: 'ANSWER_PLACE' });
      expect(await failure(model.answer(['which '.repeat(200)], ['A cow.']))).toMatchObject({
        code: 'QUESTION_LENGTH',
      });
      expect(await failure(model.answer(['Which?'], []))).toMatchObject({ code: 'TEXT_PAIRS' });
    });

    it('takes rows as SQuAD has them', async () => {
      const { questions: asked, contexts, answers = [] } = questions(8, 0, 8);
      const rows = asked.map((question, i) => ({
        question,
        context: contexts[i],
        answers: { text: [answers[i]?.text], answer_start: [answers[i]?.answer_start] },
      }));
      expect(await model.evaluate(rows)).toEqual(await model.evaluate({ questions: asked, contexts, answers }));
    });

    it('learns that there is no answer, and from texts that are cut', async () => {
      const { stages } = await model.fit(
        {
          questions: ['Which?', 'Which?'],
          contexts: ['Nothing.', 'word '.repeat(300)],
          answers: [null, { text: 'word', answer_start: 1400 }],
        },
        { adapter_name: 'none', num_train_epochs: 1, classifier: { epochs: 1 } },
      );
      expect(stages).toHaveLength(2);
      model.delete_adapter('none');
    });
  });

  describe('feature extraction', () => {
    let model: FeatureExtractor;
    const test = pairs(40, 6, 10);
    const { texts, text_pairs: others = [] } = test;
    beforeAll(async () => {
      model = await HadamardModelForFeatureExtraction.from_pretrained('mini-bert', options);
      await model.add_adapter('untrained');
      const data = { all: pairs(96, 0, 8), few: pairs(8, 0, 8) };
      await learned(model, join(shared, 'pairs'), data, {
        num_train_epochs: 10,
        learning_rate: 0.02,
        per_device_train_batch_size: 16,
      });
    });
    afterAll(() => model.dispose());

    it('brings together what is alike', async () => {
      const { spearmanr: after = 0 } = await model.evaluate(test);
      await model.set_adapter('untrained');
      const { spearmanr: before = 0 } = await model.evaluate(test);
      await model.set_adapter('default');
      expect(after).toBeGreaterThan(before + 0.1);
    });

    it('makes vectors of length 1 that do not depend on what they are computed beside', async () => {
      const [alone] = await model.embed([texts[0] as string]);
      const [together] = await model.embed([
        texts[0] as string,
        'A much longer text that makes the others padded, with some more words at its end.',
      ]);
      expect(Math.hypot(...(alone ?? []))).toBeCloseTo(1, 5);
      // An int8 base rounds by the largest activation of the whole batch.
      expect(alone?.reduce((sum, x, i) => sum + x * (together?.[i] as number), 0)).toBeGreaterThan(0.99);
      const [first] = await model.similarity(texts, others);
      const [[left], [right]] = [await model.embed([texts[0] as string]), await model.embed([others[0] as string])];
      expect(left?.reduce((sum, x, i) => sum + x * (right?.[i] as number), 0)).toBeCloseTo(first as number, 1);
    });

    it('runs in a pipeline of transformers.js, and without adapter gives the states of the base', async () => {
      const run = await pipeline('feature-extraction', model, options);
      expect(run).toBeInstanceOf(transformers.FeatureExtractionPipeline);
      const pooled = (await run(texts[0], { pooling: 'mean', normalize: true })) as {
        data: Float32Array;
        dims: number[];
      };
      const [own] = await model.embed([texts[0] as string]);
      expect(pooled.dims).toEqual([1, 256]);
      own?.forEach((x, i) => expect(Math.abs(x - (pooled.data[i] as number))).toBeLessThan(1e-6));
      const [plain, untrained] = [
        await model.disable_adapter(() => model.embed(texts)),
        await model.embed(texts, { adapter_names: texts.map(() => 'untrained') }),
      ];
      plain.forEach((vector, row) =>
        vector.forEach((x, i) => expect(Math.abs(x - (untrained[row]?.[i] as number))).toBeLessThan(1e-6)),
      );
      expect(model.active_adapter).toBe('default');
      const mixed = await model.embed(texts.slice(0, 2), { adapter_names: ['__base__', 'default'] });
      expect(mixed[0]?.reduce((sum, x, i) => sum + x * (plain[0]?.[i] as number), 0)).toBeGreaterThan(0.99);
    });

    it('is merged into an encoder', async () => {
      const bytes = (await model.merge_and_unload()).reduce((sum, { byteLength }) => sum + byteLength, 0);
      expect(bytes).toBeGreaterThan(5e6);
    });

    it('takes IA³ vectors of PEFT, and refuses what has no place by name', async () => {
      const vector = fromFloat32(
        normal(256, 0.3, 1).map((x) => 1 + x),
        [1, 256],
      );
      const folder_ = (module: string): Files => ({
        'adapter_config.json': new TextEncoder().encode(
          JSON.stringify({
            peft_type: 'IA3',
            task_type: 'FEATURE_EXTRACTION',
            base_model_name_or_path: 'x',
            target_modules: [module],
            feedforward_modules: [module],
          }),
        ),
        'adapter_model.safetensors': writeSafetensors(
          new Map(Array.from({ length: 4 }, (_, i) => [`base_model.model.encoder.layer.${i}.${module}.ia3_l`, vector])),
        ),
      });
      const { task_type: type, site } = await model.load_adapter(folder_('attention.output.dense'), {
        adapter_name: 'peft',
      });
      expect([type, site]).toEqual(['FEATURE_EXTRACTION', 'context']);
      const [adapted, plain] = [
        await model.embed(texts),
        await model.embed(texts, { adapter_names: texts.map(() => '__base__') }),
      ];
      expect(adapted[0]?.reduce((sum, x, i) => sum + x * (plain[0]?.[i] as number), 0)).toBeLessThan(0.999);
      model.delete_adapter('peft');
      const error = await failure(model.load_adapter(folder_('output.dense'), { adapter_name: 'peft' }));
      expect(error).toMatchObject({ code: 'PEFT_TENSOR' });
      expect(error.message).toContain('encoder.layer.0.output.dense');
      await model.set_adapter('default');
    });

    it('refuses what is no similarity', async () => {
      expect(await failure(model.evaluate({ texts: ['a'], text_pairs: ['b'], labels: [4.5] }))).toMatchObject({
        code: 'TARGET_OUT_OF_RANGE',
      });
      expect(await failure(model.fit({ texts: ['a'], labels: [1] }))).toMatchObject({ code: 'TEXT_PAIRS' });
    });
  });

  describe('a model without adapters', () => {
    it('says that the base has no classifier, or that the name is taken', async () => {
      const model = await HadamardModelForSequenceClassification.from_pretrained('mini-bert', options);
      model.disable_adapter();
      expect(await failure(model.classify(['a']))).toMatchObject({ code: 'MODEL_HEAD' });
      expect(await failure(model.add_adapter('__base__', { id2label: ['a', 'b'] }))).toMatchObject({
        code: 'ADAPTER_NAME',
      });
      await model.add_adapter('two', { id2label: ['a', 'b'] });
      expect(await failure(model.classify(['a', 'b'], { adapter_names: ['two', '__base__'] }))).toMatchObject({
        code: 'BASE_HEAD',
      });
      await model.dispose();
    });

    it('does not take an adapter of another task', async () => {
      const words_ = await HadamardModelForTokenClassification.from_pretrained('mini-bert', options);
      const error = await failure(words_.load_adapter(await anyClassifier(options)));
      expect(error).toMatchObject({ code: 'ADAPTER_TASK' });
      expect(error.message).toMatch(/SEQ_CLS.*TOKEN_CLS/);
      await words_.dispose();
    });
  });

  async function anyClassifier(given: typeof options): Promise<string> {
    const model = await HadamardModelForSequenceClassification.from_pretrained('mini-bert', given);
    await model.add_adapter('two', { id2label: ['a', 'b'] });
    const target = join(folder, 'classifier');
    await model.save_pretrained(target);
    await model.dispose();
    return target;
  }
});
