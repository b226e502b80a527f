import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  HadamardError,
  fromFloat32,
  readSafetensors,
  toFloat32,
  toFloat64,
  type Batch,
  type Files,
  type Tensor,
} from '@hadamard-adapter/core';
import {
  ADAPTER_CONFIG_FILE,
  ADAPTER_TENSORS_FILE,
  decodeAdapter,
  type AdapterConfig,
} from '@hadamard-adapter/core/folder';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { noPython, runPython } from '../../../tooling/python.js';
import { loadReferenceModel } from '../src/internal.js';
import {
  checkAdapter,
  type ServingBase,
  fromPeft,
  type PeftOptions,
  isPeftFolder,
} from '@hadamard-adapter/compiler/internal';
import { toFloat16, toFloat32 as ownValues, type Tensor as GraphTensor } from '@hadamard-adapter/graph/internal';
import { batchOf, packagedGraph, packagedModels } from '../../compiler/tests/support/packaged.js';
import {
  FAMILIES,
  WIDTH,
  baseOf,
  checkpoint,
  difference,
  ia3Folder,
  normFolder,
  normsOf,
  peftFolder,
  projectionsOf,
  sessionWith,
  vector,
} from './support/peft.js';

/** Hidden states of a base with a PEFT folder on it, and what became of the folder. */
async function withPeft(
  family: string,
  folder: Files,
  file = 'model.safetensors',
): Promise<{ hidden: Float32Array; config: AdapterConfig }> {
  const graph = file === 'model.safetensors' ? checkpoint(family) : packagedGraph(`${family}/${file}`);
  const files = fromPeft(folder, await baseOf(graph));
  const { config } = decodeAdapter(files);
  return { hidden: await (await sessionWith(graph, config, files)).encode(batchOf()), config };
}

/** Hidden states of a checkpoint whose weights were changed. */
const merged = (family: string, change: Parameters<typeof checkpoint>[1]): Promise<Float32Array> =>
  loadReferenceModel(checkpoint(family, change), { numLabels: 1, site: 'none', norm: 'none' }).encode(batchOf());

const { attentionMask } = batchOf();
const projections = projectionsOf('bert');
const norms = normsOf('bert', 'attention_output_norms');
const layersOf = (family: string): number[] =>
  Array.from({ length: family === 'bart' || family === 'modernbert' ? 4 : 3 }, (_, i) => i);

describe.each(FAMILIES)('%s', (family) => {
  // As PEFT itself merges: the columns of a feed-forward module, otherwise its rows with the bias.
  it.each(['context', 'output'] as const)('IA³ of site %s computes what the merged weights compute', async (site) => {
    const modules = projectionsOf(family);
    const { hidden, config } = await withPeft(family, ia3Folder(modules, site));
    expect(config).toMatchObject({
      peft_type: 'HADAMARD',
      site,
      norm: 'none',
      layers: layersOf(family),
      head: 'cosine',
      pooling: 'mean',
      task_type: 'FEATURE_EXTRACTION',
      num_labels: 1,
      id2label: { 0: 'score' },
      modules_to_save: [],
    });
    expect(config.cross_attention).toBe(family === 'bart' ? true : undefined);
    const expected = await merged(family, (name, values) => {
      const module = name.replace(/\.(weight|bias)$/, '');
      if (!modules.includes(module) || (site === 'context' && name.endsWith('.bias'))) return values;
      const scale = vector(module, 1);
      return values.map(
        (value, i) =>
          value * (scale[site === 'context' || name.endsWith('.bias') ? i % WIDTH : Math.floor(i / WIDTH)] as number),
      );
    });
    expect(difference(hidden, expected, attentionMask)).toBeLessThan(2e-6);
    expect(difference(hidden, await merged(family, (_, values) => values), attentionMask)).toBeGreaterThan(0.01);
  });

  it.each([
    ['attention', ['attention_output_norms']],
    ['output', ['ffn_output_norms']],
    ['both', ['attention_output_norms', 'ffn_output_norms']],
  ] as const)('LN tuning of norm %s computes what a checkpoint with those norms computes', async (norm, lists) => {
    const modules = lists.flatMap((list) => normsOf(family, list));
    const { hidden, config } = await withPeft(
      family,
      normFolder(modules, family !== 't5-encoder' && family !== 'modernbert'),
    );
    expect(config).toMatchObject({ site: 'context', norm, layers: layersOf(family) });
    const expected = await merged(family, (name, values) =>
      modules.includes(name.replace(/\.(weight|bias)$/, ''))
        ? vector(name.replace(/\.weight$/, ''), name.endsWith('.weight') ? 1 : 0)
        : values,
    );
    expect(difference(hidden, expected, attentionMask)).toBeLessThan(2e-6);
  });
});

describe('a PEFT folder', () => {
  let base: ServingBase;
  beforeAll(async () => {
    base = await baseOf(packagedGraph('bert/model.onnx'));
  });
  const refused = (folder: Files, options?: PeftOptions): HadamardError => {
    try {
      fromPeft(folder, base, options);
    } catch (error) {
      if (error instanceof HadamardError) return error;
      throw error;
    }
    throw new Error('was not refused');
  };

  it.each(['model.onnx', 'model.dynamo.onnx', 'model.optimized.onnx'])(
    'goes onto any export of its base: %s',
    async (file) => {
      const folder = normFolder([...norms, ...normsOf('bert', 'ffn_output_norms')], true);
      expect(
        difference(
          (await withPeft('bert', folder, file)).hidden,
          (await withPeft('bert', folder)).hidden,
          attentionMask,
        ),
      ).toBeLessThan(1e-5);
    },
  );

  it.each(packagedModels())('finds its norms where they stand in %s', async (file) => {
    const [family] = file.split('/') as [string];
    const target = await baseOf(packagedGraph(file));
    const modules = [...normsOf(family, 'attention_output_norms'), ...normsOf(family, 'ffn_output_norms')];
    const { values } = checkAdapter(
      target,
      fromPeft(normFolder(modules, family !== 't5-encoder' && family !== 'modernbert'), target),
    );
    expect(
      values.get(
        target.sites.some(({ kind }) => kind === 'cross')
          ? 'encoder.layer.0.self.attention_norm.weight'
          : 'layer.0.attention_norm.weight',
      ),
    ).toEqual(vector(modules[0] as string, 1));
    // Names of a model whose norms stand on the other side.
    const wrong =
      family === 't5-encoder' || family === 'modernbert'
        ? 'encoder.layer.0.attention.output.LayerNorm'
        : 'layers.0.mlp_norm';
    if (family !== 'bart')
      expect(() => fromPeft(normFolder([wrong], false), target)).toThrow(
        expect.objectContaining({ code: 'PEFT_NORMS' }),
      );
  });

  it("may be MPNet's", () => {
    const modules = [0, 1, 2].map((layer) => `mpnet.encoder.layer.${layer}`);
    expect(
      checkAdapter(
        base,
        fromPeft(
          ia3Folder(
            modules.map((module) => `${module}.attention.attn.o`),
            'context',
          ),
          base,
        ),
      ).config.layers,
    ).toEqual([0, 1, 2]);
    const folder = peftFolder(
      { peft_type: 'LN_TUNING' },
      Object.fromEntries(
        modules.flatMap((module) =>
          ['attention', 'output'].map((part) => [
            `${module}.${part}.LayerNorm.ln_tuning_layers.bias`,
            fromFloat32(vector(part, 0)),
          ]),
        ),
      ),
    );
    expect(checkAdapter(base, fromPeft(folder, base)).values.get('layer.2.output_norm.bias')).toEqual(
      vector('output', 0),
    );
  });

  it('is an adapter of ours afterwards, of the base it was converted for', () => {
    const files = fromPeft(
      ia3Folder(projections, 'context', { base_model_name_or_path: 'org/bert', peft_version: '0.21.0' }),
      base,
      { family: 'bert' },
    );
    const { config, values } = checkAdapter(base, files);
    expect(config).toMatchObject({
      base_model_name_or_path: 'org/bert',
      base_weights_sha256: base.digest,
      family: 'bert',
      versions: { peft: '0.21.0' },
      hidden_size: WIDTH,
      num_layers: 3,
    });
    expect([...values.keys()]).toEqual(
      [0, 1, 2].flatMap((layer) => [`layer.${layer}.adapter.weight`, `layer.${layer}.adapter.bias`]),
    );
    expect(values.get('layer.1.adapter.weight')).toEqual(vector(projections[1] as string, 1));
    expect(values.get('layer.1.adapter.bias')).toEqual(new Float32Array(WIDTH));
    expect(new TextDecoder().decode(files['README.md'])).toContain(
      'Converted from an adapter of Hugging Face PEFT (IA³).',
    );
    expect(isPeftFolder(files)).toBe(false);
    expect(fromPeft(ia3Folder(projections, 'context'), base)).toEqual(
      fromPeft(ia3Folder(projections, 'context'), base),
    );
  });

  it('is recognized by its type, whatever the method', () => {
    const config = (text: string): Files => ({ [ADAPTER_CONFIG_FILE]: new TextEncoder().encode(text) });
    expect(
      [
        '{"peft_type": "IA3"}',
        '{"peft_type": "LORA"}',
        '{"peft_type": "HADAMARD"}',
        '{"peft_type": 3}',
        '{}',
        '[',
        'null',
      ].map((text) => isPeftFolder(config(text))),
    ).toEqual([true, true, false, false, false, false, false]);
    expect(isPeftFolder({})).toBe(false);
  });

  it('may leave layers out: they are not adapted', () => {
    const { config, values } = checkAdapter(
      base,
      fromPeft(ia3Folder(projections.slice(1), 'output', { target_modules: '.*[12].attention.output.dense' }), base),
    );
    expect(config.layers).toEqual([1, 2]);
    expect(values.has('layer.0.adapter.weight')).toBe(false);
  });

  it('may train less in some layers: the rest is as in the base', () => {
    const [first, second] = normsOf('bert', 'ffn_output_norms') as [string, string];
    const folder = peftFolder(
      { peft_type: 'IA3', target_modules: 'a regular expression', modules_to_save: ['LayerNorm'] },
      {
        [`${projections[0]}.ia3_l`]: fromFloat32(vector('w', 1), [1, WIDTH]),
        [`${first}.weight`]: fromFloat32(vector('first', 1)),
        [`${second}.bias`]: fromFloat32(vector('second', 0)),
      },
    );
    const { config, values } = checkAdapter(base, fromPeft(folder, base));
    expect(config).toMatchObject({ site: 'context', norm: 'output', layers: [0, 1] });
    expect(values.get('layer.0.adapter.weight')).toEqual(vector('w', 1));
    expect(values.get('layer.1.adapter.weight')).toEqual(new Float32Array(WIDTH).fill(1));
    expect(values.get('layer.0.output_norm.weight')).toEqual(vector('first', 1));
    expect(values.get('layer.1.output_norm.bias')).toEqual(vector('second', 0));
    const { outputNorm } = base.sites[1] as (typeof base.sites)[number];
    expect(values.get('layer.1.output_norm.weight')).toEqual(
      ownValues(base.canonical.graph.tensors.get(outputNorm?.inputs[1] as string) as GraphTensor),
    );
  });

  it('may be in half precision, or float64, or kept flat', () => {
    const values = vector('w', 1);
    const half: Tensor = {
      dtype: 'F16',
      shape: [1, WIDTH],
      bytes: new Uint8Array(Uint16Array.from(values, toFloat16).buffer),
    };
    const brain: Tensor = {
      dtype: 'BF16',
      shape: [WIDTH],
      bytes: new Uint8Array(Uint16Array.from(new Uint32Array(values.buffer), (bits) => bits >>> 16).buffer),
    };
    const double: Tensor = { dtype: 'F64', shape: [1, WIDTH], bytes: new Uint8Array(Float64Array.from(values).buffer) };
    const folder = peftFolder(
      { peft_type: 'IA3', feedforward_modules: ['output.dense'] },
      Object.fromEntries([half, brain, double].map((tensor, i) => [`bert.${projections[i]}.ia3_l`, tensor])),
    );
    const read = checkAdapter(base, fromPeft(folder, base));
    expect(read.config.site).toBe('context');
    [half, brain, double].forEach((tensor, i) =>
      expect(read.values.get(`layer.${i}.adapter.weight`)).toEqual(toFloat32(tensor)),
    );
    expect(difference(read.values.get('layer.0.adapter.weight') as Float32Array, values)).toBeLessThan(1e-3);
    expect(difference(read.values.get('layer.1.adapter.weight') as Float32Array, values)).toBeLessThan(1e-2);
    expect(read.values.get('layer.2.adapter.weight')).toEqual(values);
  });

  const one = (
    shape: readonly number[],
    name = 'encoder.layer.0.attention.output.dense.ia3_l',
  ): Record<string, Tensor> => ({
    [name]: fromFloat32(new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(1), shape),
  });
  const text = (content: string): Uint8Array => new TextEncoder().encode(content);
  const whole = ia3Folder(projections, 'context');

  it.each<[string, Files, string, RegExp]>([
    ['LoRA', peftFolder({ peft_type: 'LORA' }, {}), 'PEFT_TYPE', /found "LORA", expected "IA3" or "LN_TUNING"/],
    ['no config', {}, 'PEFT_FILE', /no adapter_config\.json/],
    ['a damaged config', { ...whole, [ADAPTER_CONFIG_FILE]: text('{"peft_type": "IA3"') }, 'PEFT_CONFIG', /not JSON/],
    [
      'a config of something else',
      { ...whole, [ADAPTER_CONFIG_FILE]: text('{"peft_type": "IA3", "feedforward_modules": 4}') },
      'PEFT_CONFIG',
      /feedforward_modules/,
    ],
    [
      'no tensors file',
      { [ADAPTER_CONFIG_FILE]: text('{"peft_type": "IA3"}') },
      'PEFT_FILE',
      /no adapter_model\.safetensors/,
    ],
    [
      'a pickle',
      { [ADAPTER_CONFIG_FILE]: text('{"peft_type": "IA3"}'), 'adapter_model.bin': new Uint8Array(8) },
      'PEFT_FILE',
      /safe_serialization=True/,
    ],
    [
      'a truncated file',
      { ...whole, [ADAPTER_TENSORS_FILE]: (whole[ADAPTER_TENSORS_FILE] as Uint8Array).slice(0, -3) },
      'SAFETENSORS_DATA',
      /complete/,
    ],
    [
      'keys and values',
      peftFolder(
        { peft_type: 'IA3' },
        {
          ...one([WIDTH, 1], 'bert.encoder.layer.0.attention.self.key.ia3_l'),
          ...one([WIDTH, 1], 'bert.encoder.layer.0.attention.self.value.ia3_l'),
          ...one([1, WIDTH]),
        },
      ),
      'PEFT_TENSOR',
      /found base_model\.model\.bert\.encoder\.layer\.0\.attention\.self\.key\.ia3_l, base_model\.model\.bert\.encoder\.layer\.0\.attention\.self\.value\.ia3_l, .*feedforward_modules \["attention\.output\.dense"\]/,
    ],
    [
      'a feed-forward',
      peftFolder({ peft_type: 'IA3' }, { ...one([1, 64], 'encoder.layer.0.output.dense.ia3_l'), ...one([1, WIDTH]) }),
      'PEFT_TENSOR',
      /layer\.0\.output\.dense\.ia3_l/,
    ],
    [
      'many others',
      peftFolder(
        { peft_type: 'IA3' },
        Object.assign(
          {},
          ...Array.from({ length: 12 }, (_, i) => one([WIDTH, 1], `encoder.layer.${i}.attention.self.key.ia3_l`)),
        ),
      ),
      'PEFT_TENSOR',
      /and 9 more/,
    ],
    [
      'the norm of the embeddings',
      normFolder([...norms, 'embeddings.LayerNorm'], true),
      'PEFT_TENSOR',
      /embeddings\.LayerNorm\.ln_tuning_layers\.(weight|bias).*without that of the embeddings/,
    ],
    [
      'a projection saved whole',
      peftFolder({ peft_type: 'IA3' }, one([WIDTH, WIDTH], 'encoder.layer.0.attention.output.dense.weight')),
      'PEFT_TENSOR',
      /attention\.output\.dense\.weight/,
    ],
    [
      'a norm in a folder of IA³ that says LN tuning',
      peftFolder({ peft_type: 'IA3' }, one([WIDTH], `${norms[0]}.ln_tuning_layers.weight`)),
      'PEFT_TENSOR',
      /ln_tuning_layers/,
    ],
    ['IA³ in a folder of LN tuning', peftFolder({ peft_type: 'LN_TUNING' }, one([1, WIDTH])), 'PEFT_TENSOR', /ia3_l/],
    ['names of no module', peftFolder({ peft_type: 'IA3' }, one([1], 'ia3_l')), 'PEFT_TENSOR', /ia3_l/],
    [
      'names of JavaScript',
      peftFolder({ peft_type: 'IA3' }, { ...one([1], '__proto__.constructor.weight'), ...one([1, WIDTH]) }),
      'PEFT_TENSOR',
      /__proto__/,
    ],
    [
      'a tensor twice',
      peftFolder(
        { peft_type: 'LN_TUNING' },
        { ...one([WIDTH], `${norms[0]}.weight`), ...one([WIDTH], `${norms[0]}.ln_tuning_layers.weight`) },
      ),
      'PEFT_TENSOR',
      /each once/,
    ],
    [
      'two models',
      peftFolder(
        { peft_type: 'IA3' },
        { ...one([1, WIDTH]), ...one([1, WIDTH], 'bert.encoder.layer.0.attention.output.dense.ia3_l') },
      ),
      'PEFT_TENSOR',
      /one model/,
    ],
    [
      'two families',
      peftFolder(
        { peft_type: 'IA3' },
        { ...one([1, WIDTH]), ...one([1, WIDTH], 'transformer.layer.0.attention.out_lin.ia3_l') },
      ),
      'PEFT_TENSOR',
      /one tensor for each place/,
    ],
    ['nothing at all', peftFolder({ peft_type: 'IA3' }, {}), 'PEFT_TENSOR', /no trained vectors/],
    [
      'both sides of the projection',
      peftFolder(
        { peft_type: 'IA3' },
        { ...one([1, WIDTH]), ...one([WIDTH, 1], 'encoder.layer.1.attention.output.dense.ia3_l') },
      ),
      'PEFT_SITE',
      /found .*layer\.0.*ia3_l, .*layer\.1.*ia3_l/,
    ],
    [
      'a side that the config denies',
      peftFolder({ peft_type: 'IA3', feedforward_modules: [] }, one([1, WIDTH])),
      'PEFT_SITE',
      /contradict/,
    ],
    [
      'a side that nothing tells',
      peftFolder({ peft_type: 'IA3', feedforward_modules: '.*' }, one([WIDTH])),
      'PEFT_SITE',
      /does not say what it multiplies: found \[32\]/,
    ],
    [
      'another width',
      peftFolder({ peft_type: 'IA3' }, one([1, 48])),
      'PEFT_SHAPE',
      /found \[1, 48\], expected \[1, 32\]/,
    ],
    [
      'another rank',
      peftFolder({ peft_type: 'IA3', feedforward_modules: ['dense'] }, one([1, 1, WIDTH])),
      'PEFT_SHAPE',
      /\[1, 1, 32\]/,
    ],
    [
      'a norm of another width',
      peftFolder({ peft_type: 'LN_TUNING' }, one([1, WIDTH], `${norms[0]}.weight`)),
      'PEFT_SHAPE',
      /found \[1, 32\], expected \[32\]/,
    ],
    [
      'more layers than the base has',
      ia3Folder(['encoder.layer.3.attention.output.dense'], 'context'),
      'PEFT_LAYERS',
      /found layers 0 to 2, expected layer 3/,
    ],
    [
      'fewer layers than it would have in this base',
      ia3Folder(projections.slice(0, 2), 'context', { target_modules: ['attention.output.dense'] }),
      'PEFT_LAYERS',
      /found a layer 2/,
    ],
    [
      'a decoder',
      ia3Folder(['decoder.layers.0.self_attn.out_proj'], 'context'),
      'PEFT_LAYERS',
      /no self-attention in a decoder/,
    ],
    ['a layer for all', ia3Folder(projectionsOf('albert'), 'context'), 'PEFT_LAYERS', /norms of their own/],
    [
      'norms in front of the blocks',
      normFolder(normsOf('t5-encoder', 'attention_output_norms'), false),
      'PEFT_NORMS',
      /found norms behind the residual sums at layer\.0, expected norms in front/,
    ],
    [
      'integers',
      peftFolder(
        { peft_type: 'IA3' },
        {
          'encoder.layer.0.attention.output.dense.ia3_l': {
            dtype: 'I32',
            shape: [1, WIDTH],
            bytes: new Uint8Array(4 * WIDTH),
          },
        },
      ),
      'SAFETENSORS_DTYPE',
      /I32/,
    ],
    [
      'numbers that are none',
      peftFolder(
        { peft_type: 'IA3' },
        {
          'encoder.layer.0.attention.output.dense.ia3_l': fromFloat32(new Float32Array(WIDTH).fill(Number.NaN), [
            1,
            WIDTH,
          ]),
        },
      ),
      'PEFT_VALUES',
      /found NaN/,
    ],
  ])('with %s is refused', (_, folder, code, message) => {
    const error = refused(folder);
    expect([error.code, error.message]).toEqual([code, expect.stringMatching(message)]);
    expect(error.message).not.toMatch(/\n/);
  });

  const tuned = (prefix: string): Record<string, Tensor> =>
    Object.fromEntries(norms.map((norm) => [`${prefix}${norm}.ln_tuning_layers.weight`, fromFloat32(vector(norm, 1))]));
  const linear = (name: string, outputs = WIDTH): Record<string, Tensor> => ({
    [`${name}.weight`]: fromFloat32(vector(name, 0, outputs * WIDTH), [outputs, WIDTH]),
    [`${name}.bias`]: fromFloat32(vector(`${name}.bias`, 0, outputs)),
  });
  const withHead = (prefix: string, tensors: Record<string, Tensor>, task: string | null = 'SEQ_CLS'): Files =>
    peftFolder({ peft_type: 'LN_TUNING', task_type: task }, { ...tuned(prefix), ...tensors });

  it.each<[string, Files, Partial<AdapterConfig>]>([
    [
      "RoBERTa's",
      withHead('roberta.', { ...linear('classifier.dense'), ...linear('classifier.out_proj', 3) }),
      {
        head: 'tanh',
        pooling: 'first',
        loss: 'cross-entropy',
        num_labels: 3,
        task_type: 'SEQ_CLS',
        modules_to_save: ['pooler', 'classifier'],
        id2label: { 0: 'LABEL_0', 1: 'LABEL_1', 2: 'LABEL_2' },
      },
    ],
    [
      "RoBERTa's of one number, no task named",
      withHead('roberta.', { ...linear('classifier.dense'), ...linear('classifier.out_proj', 1) }, null),
      { head: 'tanh', loss: 'mse', num_labels: 1 },
    ],
    [
      "BERT's with its pooler",
      withHead('bert.', { ...linear('bert.pooler.dense'), ...linear('classifier', 2) }),
      { head: 'tanh', pooling: 'first', num_labels: 2 },
    ],
    [
      'one of tokens',
      withHead('electra.', linear('classifier', 5), 'TOKEN_CLS'),
      {
        head: 'linear',
        pooling: 'none',
        loss: 'token-cross-entropy',
        num_labels: 5,
        task_type: 'TOKEN_CLS',
        modules_to_save: ['classifier'],
      },
    ],
    [
      'one of spans',
      withHead('deberta.', linear('qa_outputs', 2), 'QUESTION_ANS'),
      { head: 'linear', pooling: 'none', loss: 'span-cross-entropy', num_labels: 2, task_type: 'QUESTION_ANS' },
    ],
  ])('with the classifier %s keeps it', (_, folder, expected) => {
    const { config } = checkAdapter(base, fromPeft(folder, base));
    expect(config).toMatchObject(expected);
    const { tensors } = decodeAdapter(fromPeft(folder, base));
    const original = readSafetensors(folder[ADAPTER_TENSORS_FILE] as Uint8Array).tensors;
    const last = [...original.keys()].find((name) => /classifier\.(out_proj\.)?weight|qa_outputs\.weight/.test(name));
    expect(tensors.get('classifier.weight')?.bytes).toEqual(original.get(last ?? '')?.bytes);
  });

  it('takes names of labels and the loss from its caller', () => {
    const folder = withHead('roberta.', { ...linear('classifier.dense'), ...linear('classifier.out_proj', 2) });
    expect(decodeAdapter(fromPeft(folder, base, { labels: ['no', 'yes'], loss: 'bce' })).config).toMatchObject({
      id2label: { 0: 'no', 1: 'yes' },
      loss: 'bce',
    });
    expect(refused(folder, { labels: ['one'] })).toMatchObject({ code: 'PEFT_LABELS', found: '1', expected: '2' });
  });

  it.each<[string, Files, RegExp]>([
    [
      "BERT's without its pooler",
      withHead('bert.', linear('classifier', 2)),
      /reads a pooler that is not in the folder.*modules_to_save \["pooler", "classifier"\]/,
    ],
    [
      "ALBERT's without its pooler",
      peftFolder(
        { peft_type: 'IA3' },
        {
          [`albert.${projectionsOf('albert')[0]}.ia3_l`]: fromFloat32(vector('w', 1), [1, WIDTH]),
          ...linear('classifier', 2),
        },
      ),
      /reads a pooler that is not in the folder/,
    ],
    [
      "ELECTRA's",
      withHead('electra.', { ...linear('classifier.dense'), ...linear('classifier.out_proj', 2) }),
      /of electra, which has a GELU between its layers/,
    ],
    [
      "DeBERTa's",
      withHead('deberta.', { ...linear('pooler.dense'), ...linear('classifier', 2) }),
      /of deberta, which has a GELU/,
    ],
    [
      "DistilBERT's",
      peftFolder(
        { peft_type: 'IA3', task_type: 'SEQ_CLS' },
        {
          'distilbert.transformer.layer.0.attention.out_lin.ia3_l': fromFloat32(vector('w', 1), [1, WIDTH]),
          ...linear('pre_classifier'),
          ...linear('classifier', 2),
        },
      ),
      /of distilbert, which has a ReLU behind pre_classifier/,
    ],
    [
      'one of an unnamed model',
      withHead('', linear('classifier', 2), 'TOKEN_CLS'),
      /found base_model\.model\.classifier\.(bias|weight)/,
    ],
    ["a decoder's", withHead('roberta.', linear('score', 2)), /score/],
    [
      'half of one',
      withHead('roberta.', {
        ...linear('classifier.dense'),
        'classifier.out_proj.weight': fromFloat32(vector('o', 0, 2 * WIDTH), [2, WIDTH]),
      }),
      /weight and bias of each/,
    ],
    ['a pooler alone', withHead('bert.', linear('bert.pooler.dense')), /bert\.pooler\.dense/],
  ])('with %s classifier is refused', (_, folder, message) => {
    const error = refused(folder);
    expect([error.code, error.message]).toEqual(['PEFT_CLASSIFIER', expect.stringMatching(message)]);
  });

  it('with a classifier of another shape is refused', () => {
    for (const tensors of [
      { ...linear('classifier.dense', 16), ...linear('classifier.out_proj', 2) },
      {
        ...linear('classifier.dense'),
        ...linear('classifier.out_proj', 2),
        'classifier.out_proj.bias': fromFloat32(new Float32Array(3)),
      },
      { ...linear('classifier.dense'), ...linear('classifier.out_proj', 0) },
    ]) {
      expect(refused(withHead('roberta.', tensors)).code).toBe('PEFT_SHAPE');
    }
    expect(refused(withHead('roberta.', linear('qa_outputs', 3), 'QUESTION_ANS')).code).toBe('PEFT_SHAPE');
  });

  it('that is damaged anywhere is refused, or read as it says', () => {
    const bytes = whole[ADAPTER_TENSORS_FILE] as Uint8Array;
    for (let i = 0; i < 700; i++) {
      const broken = bytes.slice();
      broken[i] = (broken[i] as number) ^ (1 << (i % 8));
      try {
        checkAdapter(base, fromPeft({ ...whole, [ADAPTER_TENSORS_FILE]: broken }, base));
      } catch (error) {
        expect(error).toBeInstanceOf(HadamardError);
      }
    }
  });
});

/** What PEFT itself trains, by the classes of Python. */
interface PythonCase {
  readonly name: string;
  readonly family: string;
  readonly model: string;
  readonly method: 'IA3Config' | 'LNTuningConfig';
  readonly peft: Readonly<Record<string, unknown>>;
  readonly labels?: number;
}

const dense = ['attention.output.dense'];
const CASES: readonly PythonCase[] = [
  ...['bert', 'roberta'].flatMap((family): PythonCase[] => [
    {
      name: `${family}-input`,
      family,
      model: 'AutoModel',
      method: 'IA3Config',
      peft: { target_modules: dense, feedforward_modules: dense },
    },
    {
      name: `${family}-output`,
      family,
      model: 'AutoModel',
      method: 'IA3Config',
      peft: { target_modules: dense, feedforward_modules: [] },
    },
    {
      name: `${family}-norms`,
      family,
      model: 'AutoModel',
      method: 'LNTuningConfig',
      peft: { target_modules: String.raw`encoder\.layer\.\d+\..*LayerNorm` },
    },
    {
      name: `${family}-first`,
      family,
      model: 'AutoModel',
      method: 'LNTuningConfig',
      peft: { target_modules: String.raw`encoder\.layer\.0\.attention.*LayerNorm` },
    },
  ]),
  {
    name: 'bert-pooler',
    family: 'bert',
    model: 'AutoModelForSequenceClassification',
    method: 'IA3Config',
    labels: 3,
    peft: {
      task_type: 'SEQ_CLS',
      target_modules: dense,
      feedforward_modules: dense,
      modules_to_save: ['pooler', 'classifier'],
    },
  },
  {
    name: 'bert-tokens',
    family: 'bert',
    model: 'AutoModelForTokenClassification',
    method: 'LNTuningConfig',
    labels: 4,
    peft: { task_type: 'TOKEN_CLS', target_modules: ['attention.output.LayerNorm'] },
  },
  {
    name: 'roberta-head',
    family: 'roberta',
    model: 'AutoModelForSequenceClassification',
    method: 'IA3Config',
    peft: {
      task_type: 'SEQ_CLS',
      target_modules: dense,
      feedforward_modules: [],
      modules_to_save: ['attention.output.LayerNorm'],
    },
  },
  {
    name: 'roberta-spans',
    family: 'roberta',
    model: 'AutoModelForQuestionAnswering',
    method: 'IA3Config',
    peft: { task_type: 'QUESTION_ANS', target_modules: dense, feedforward_modules: dense },
  },
  {
    name: 'albert-pooler',
    family: 'albert',
    model: 'AutoModelForSequenceClassification',
    method: 'LNTuningConfig',
    labels: 3,
    peft: {
      task_type: 'SEQ_CLS',
      target_modules: ['attention.LayerNorm', 'full_layer_layer_norm'],
      modules_to_save: ['pooler'],
    },
  },
  {
    name: 'bart-head',
    family: 'bart',
    model: 'AutoModelForSequenceClassification',
    method: 'IA3Config',
    labels: 3,
    peft: {
      task_type: 'SEQ_CLS',
      target_modules: ['out_proj'],
      exclude_modules: ['classification_head.out_proj'],
      feedforward_modules: [],
      modules_to_save: ['classification_head'],
    },
  },
  { name: 'bart-norms', family: 'bart', model: 'AutoModel', method: 'LNTuningConfig', peft: {} },
  {
    name: 'distilbert-tokens',
    family: 'distilbert',
    model: 'AutoModelForTokenClassification',
    method: 'LNTuningConfig',
    peft: { task_type: 'TOKEN_CLS', target_modules: ['sa_layer_norm', 'output_layer_norm'] },
  },
  {
    name: 'electra-spans',
    family: 'electra',
    model: 'AutoModelForQuestionAnswering',
    method: 'IA3Config',
    peft: { task_type: 'QUESTION_ANS', target_modules: dense, feedforward_modules: [] },
  },
  {
    name: 'deberta-v2-input',
    family: 'deberta-v2',
    model: 'AutoModelForTokenClassification',
    method: 'IA3Config',
    peft: { task_type: 'TOKEN_CLS', target_modules: dense, feedforward_modules: dense },
  },
  {
    name: 't5-output',
    family: 't5-encoder',
    model: 'T5EncoderModel',
    method: 'IA3Config',
    peft: { target_modules: ['SelfAttention.o'], feedforward_modules: [] },
  },
  {
    name: 't5-norms',
    family: 't5-encoder',
    model: 'T5EncoderModel',
    method: 'LNTuningConfig',
    peft: { target_modules: String.raw`encoder\.(block\.\d+\.layer\.1|block\.[12]\.layer\.0|final).*layer_norm` },
  },
  {
    name: 'modernbert-output',
    family: 'modernbert',
    model: 'AutoModel',
    method: 'IA3Config',
    peft: { target_modules: ['attn.Wo'], feedforward_modules: [] },
  },
  {
    name: 'modernbert-norms',
    family: 'modernbert',
    model: 'AutoModel',
    method: 'LNTuningConfig',
    peft: { target_modules: String.raw`layers\.[123]\.attn_norm|layers\.\d\.mlp_norm|final_norm` },
  },
];

const reason = noPython('torch', 'transformers', 'peft');

describe.skipIf(reason !== undefined)('folders that PEFT wrote', () => {
  let out: string;
  beforeAll(() => {
    out = mkdtempSync(join(tmpdir(), 'hadamard-peft-'));
    const fixtures = fileURLToPath(new URL('../../conformance-fixtures/fixtures', import.meta.url));
    writeFileSync(
      join(out, 'cases.json'),
      JSON.stringify(CASES.map((each) => ({ ...each, fixture: join(fixtures, each.family) }))),
    );
    runPython([fileURLToPath(new URL('support/peft_folders.py', import.meta.url)), join(out, 'cases.json'), out]);
  }, 300_000);
  afterAll(() => rmSync(out, { recursive: true, force: true }));

  it.each(CASES)('$name: what PyTorch computes', async ({ name, family, labels = 2 }) => {
    const folder = Object.fromEntries(
      readdirSync(join(out, name)).map((file) => [file, new Uint8Array(readFileSync(join(out, name, file)))]),
    );
    const { tensors } = readSafetensors(folder['expected.safetensors'] as Uint8Array);
    const numbers = (key: string): Float64Array => toFloat64(tensors.get(key) as Tensor);
    const [ids, mask] = [Int32Array.from(numbers('input_ids')), Int32Array.from(numbers('attention_mask'))];
    const batch: Batch = {
      batch: 2,
      sequence: 6,
      inputIds: ids,
      attentionMask: mask,
      tokenTypeIds: new Int32Array(12),
    };
    const graph = packagedGraph(`${family}/model.onnx`);
    const files = fromPeft(folder, await baseOf(graph));
    const { config } = decodeAdapter(files);
    const session = await sessionWith(graph, config, files);
    const hidden = await session.encode(batch);
    expect(difference(hidden, numbers('hidden'), mask)).toBeLessThan(1e-5);
    const base = await loadReferenceModel(graph, { numLabels: 1, site: 'none', norm: 'none' }).encode(batch);
    expect(difference(hidden, base, mask)).toBeGreaterThan(0.05);
    if (!tensors.has('logits')) return void expect(config.task_type).toBe('FEATURE_EXTRACTION');
    expect(config.num_labels).toBe(labels);
    expect(
      difference(await session.predict(batch), numbers('logits'), config.pooling === 'none' ? mask : undefined),
    ).toBeLessThan(1e-5);
  });
});
