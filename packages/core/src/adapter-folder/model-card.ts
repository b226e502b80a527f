import type { AdapterConfig } from './adapter-config.js';
import { formatCount, formatShare, share } from '../model/layout.js';

/** What the model card says beyond the config. */
export interface CardInfo {
  /** Main metric, a key of `scores`. */
  readonly metric?: string;
  /** Scores on the dev split. */
  readonly scores?: Readonly<Record<string, number>>;
  /** Numbers trained beside the classifier, and parameters of the base model. */
  readonly trainable?: number;
  readonly total?: number;
  /** SPDX id in lower case, as the hub wants it. */
  readonly license?: string;
  /** ISO 639-1, for instance `en`. */
  readonly language?: string;
  readonly tags?: readonly string[];
  /** Paragraphs to add: data, limits, licence of the base model. Markdown. */
  readonly notes?: string;
}

/**
 * A hub id, `name` or `owner/name`. Anything else would be a path of one machine, which has no place in a published
 * card.
 */
const HUB_ID = /^[A-Za-z0-9][\w.-]*(\/[\w.-]+)?$/;

/** Tasks of the hub. */
const PIPELINES = {
  SEQ_CLS: 'text-classification',
  TOKEN_CLS: 'token-classification',
  QUESTION_ANS: 'question-answering',
  FEATURE_EXTRACTION: 'feature-extraction',
} as const;

/**
 * `README.md` of an adapter folder: Hugging Face front matter, what was trained on what, how well, and how to load it.
 */
export function modelCard(
  config: AdapterConfig,
  { metric, scores = {}, trainable, total, license, language, tags = [], notes }: CardInfo = {},
): string {
  const base = HUB_ID.test(config.base_model_name_or_path) ? config.base_model_name_or_path : undefined;
  const task = config.task === undefined ? undefined : oneLine(config.task);
  // JSON strings are YAML strings.
  const frontMatter = [
    '---',
    'library_name: hadamard-adapter',
    ...(base === undefined ? [] : [`base_model: ${JSON.stringify(base)}`, 'base_model_relation: adapter']),
    `pipeline_tag: ${PIPELINES[config.task_type]}`,
    ...(license === undefined ? [] : [`license: ${JSON.stringify(license)}`]),
    ...(language === undefined ? [] : [`language: ${JSON.stringify(language)}`]),
    'tags:',
    ...['hadamard-adapter', 'peft', 'onnx', ...tags].map((tag) => `  - ${JSON.stringify(tag)}`),
    ...(metric === undefined ? [] : ['metrics:', `  - ${JSON.stringify(metric)}`]),
    '---',
  ];
  const facts: [string, string][] = [
    ['base model', base === undefined ? 'see the hash' : `\`${base}\``],
    ['SHA-256 of the base weights', `\`${config.base_weights_sha256}\``],
    ...(task === undefined ? [] : [['task', task] satisfies [string, string]]),
    ['labels', Object.values(config.id2label).slice(0, 50).map(oneLine).join(', ')],
    [
      'adapters',
      `${config.layers.length} of ${config.num_layers} layers, site \`${config.site}\`, norm \`${config.norm}\``,
    ],
    ['classifier', `\`${config.head}\`, pooling \`${config.pooling}\`, loss \`${config.loss}\``],
    ...(trainable === undefined
      ? []
      : [
          [
            'numbers trained',
            formatCount(trainable) +
              (total === undefined ? '' : ` of ${formatCount(total)} (${formatShare(share(trainable, total))})`),
          ] satisfies [string, string],
        ]),
    ...(config.max_length === undefined
      ? []
      : [['longest text', `${config.max_length} tokens`] satisfies [string, string]]),
    ...Object.entries(scores).map(([name, score]): [string, string] => [
      name === metric ? `**${oneLine(name)}**` : oneLine(name),
      score.toFixed(4),
    ]),
  ];
  return [
    ...frontMatter,
    '',
    `# Hadamard adapter${task === undefined ? '' : ` for ${task}`}`,
    '',
    'One scale and one shift vector per layer on the self-attention output, trained in two stages on a frozen ' +
      'model ([Chen et al. 2023](https://arxiv.org/abs/2407.11033)).',
    '',
    '| | |',
    '| --- | --- |',
    ...facts.map(([name, value]) => `| ${name} | ${value} |`),
    '',
    '## Use',
    '',
    'With this folder and the base model on disk:',
    '',
    ...(config.task_type === 'SEQ_CLS'
      ? [
          '```sh',
          'npx --package @hadamard-adapter/cli hadamard predict --model path/to/base-model ' +
            '--adapter path/to/this-folder --text "…"',
          '```',
        ]
      : [
          '```js',
          "const { pipeline } = await import('@hadamard-adapter/transformers');",
          `const run = await pipeline('${PIPELINES[config.task_type]}', 'path/to/base-model', ` +
            "{ adapter: 'path/to/this-folder' });",
          '```',
        ]),
    '',
    'Loading checks the hash of the base weights: another base model is refused.',
    ...(notes === undefined ? [] : ['', notes.trim()]),
    '',
  ].join('\n');
}

/** Text for one table cell. */
const oneLine = (value: string): string => value.replace(/\s+/g, ' ').replace(/[|<>\\`*_[\]]/g, '\\$&');
