import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { METHODS, settingsOf } from '../src/methods.js';
import { effective, expandGrid, layerSets } from '../src/sweep/grid.js';
import { runKey, type RunIdentity } from '../src/sweep/run.js';
import { sweepSchema } from '../src/sweep/spec-schema.js';
import { readSweep, resultsFile } from '../src/sweep/spec.js';
import { readYaml } from '../src/sweep/yaml.js';
import { cli, lastLine, scratchFolder, tinyTable, write } from './support/cli.js';

const folder = scratchFolder();
write(join(folder, 'glue', 'SST-2', 'train.tsv'), 'sentence\tlabel\na\t0\nb\t1\n');
write(join(folder, 'train.csv'), tinyTable());

const GOOD = {
  model: 'model: model',
  data: 'data: glue',
  tasks: 'tasks: [sst2, { name: own, train: train.csv }]',
  methods: 'methods: { hadamard: }',
  seeds: 'seeds: 2',
};
const GOOD_VALUES = { model: 'model', data: 'glue', tasks: ['sst2'], methods: { hadamard: null }, seeds: 2 };
const file = (changes: Partial<Record<keyof typeof GOOD, string>> = {}, more = ''): string =>
  write(join(folder, 'sweep.yaml'), `${Object.values({ ...GOOD, ...changes }).join('\n')}\n${more}\n`);

describe('a sweep file', () => {
  it('is read with places beside it, defaults, and settings of each method', async () => {
    const sweep = await readSweep(
      file(
        { methods: 'methods:\n  classifier:\n  best: { method: hadamard, lr: [0.01, 0.001], layers: 1-2 }' },
        'limit: 10\nmaxLength: 64',
      ),
    );
    expect(sweep).toMatchObject({
      model: join(folder, 'model'),
      seeds: [0, 1],
      maxLength: 64,
      arithmetic: 'float32',
      workers: 1,
      checkpointEvery: 200,
    });
    expect(resultsFile(sweep)).toBe(join(folder, 'sweep-results', 'results.sqlite'));
    expect(sweep.tasks).toEqual([
      {
        name: 'sst2',
        flags: { task: 'sst2', data: join(folder, 'glue'), limit: 10, holdout: 0.2 },
        portable: { task: 'sst2', limit: 10, holdout: 0.2 },
      },
      {
        name: 'own',
        flags: { train: join(folder, 'train.csv'), limit: 10, holdout: 0.2 },
        portable: { train: 'train.csv', limit: 10, holdout: 0.2 },
      },
    ]);
    expect(sweep.methods.map(({ label, variants }) => [label, variants.map(({ shown }) => shown)])).toEqual([
      ['classifier', [{}]],
      ['best', [{ lr: 0.01 }, { lr: 0.001 }]],
    ]);
    expect(sweep.methods[1]?.variants[0]?.settings).toEqual(
      settingsOf({ method: 'hadamard', lr: 0.01, layers: [1, 2] }),
    );
  });

  it('gives way to places that are told', async () => {
    const sweep = await readSweep(file(), {
      model: 'someone/model',
      data: join(folder, 'glue', 'SST-2'),
      output: join(folder, 'elsewhere'),
    });
    expect(sweep).toMatchObject({ model: 'someone/model', output: join(folder, 'elsewhere') });
    expect(sweep.tasks[0]?.flags.data).toBe(join(folder, 'glue', 'SST-2'));
    await expect(readSweep(file(), { data: join(folder, 'gleu') })).rejects.toThrow(
      /found no folder at .*gleu, expected what --data names/,
    );
  });

  it('says nothing of this machine to others', async () => {
    const { tasks } = await readSweep(
      file({
        tasks:
          'tasks: [{ name: a, train: ./x/../train.csv, dev: ../elsewhere/dev.csv }, { name: b, train: ' +
          `"${join(folder, 'deep', 'train.csv')}", dev: deep/dev.csv }]`,
      }),
    );
    expect(tasks.map(({ portable: { train, dev } }) => [train, dev])).toEqual([
      ['train.csv', 'dev.csv'],
      ['train.csv', 'deep/dev.csv'],
    ]);
  });

  it.each([
    [
      'a key that does not exist',
      {},
      'seed: 3',
      'SWEEP_FILE',
      /There is no such setting at seed \(line 6\) of sweep\.yaml: found "seed", expected one of model, data, tasks, methods, seeds, /,
    ],
    [
      'a key that was mistyped, and is missing for that',
      { seeds: 'seds: 2' },
      '',
      'SWEEP_FILE',
      /no such setting at seds \(line 5\)/,
    ],
    [
      'a key that is missing',
      { seeds: '' },
      '',
      'SWEEP_FILE',
      /A setting is missing at the top of sweep\.yaml: found no seeds/,
    ],
    [
      'a setting of a method that does not exist',
      { methods: 'methods:\n  hadamard:\n    epoch: 3' },
      '',
      'SWEEP_FILE',
      /at methods\.hadamard\.epoch \(line 6\) .*expected one of method, site, norm, /,
    ],
    [
      'a value in a grid',
      { methods: 'methods:\n  hadamard:\n    lr: [0.1, fast]' },
      '',
      'SWEEP_FILE',
      /at methods\.hadamard\.lr\.1 \(line 6\).*found "fast", expected number/,
    ],
    [
      'a value that is none of some',
      { methods: 'methods: { hadamard: { site: contxt } }' },
      '',
      'SWEEP_FILE',
      /methods\.hadamard\.site .*found "contxt", expected \("context" \| "output"\)/,
    ],
    [
      'a value out of range',
      { methods: 'methods: { hadamard: { epochs: 0 } }' },
      '',
      'SWEEP_FILE',
      /methods\.hadamard\.epochs .*found 0, expected at least 1/,
    ],
    [
      'a setting of another method',
      { methods: 'methods: { hadamard: { rank: 4 } }' },
      '',
      'SWEEP_FILE',
      /found rank of hadamard, expected rank of lora/,
    ],
    [
      'layers that are none',
      { methods: 'methods: { hadamard: { layers: upper } }' },
      '',
      'SWEEP_FILE',
      /methods\.hadamard\.layers .*found "upper", expected layers such as/,
    ],
    [
      'an unknown method',
      { methods: 'methods: { hadmard: }' },
      '',
      'METHOD_UNKNOWN',
      /at methods\.hadmard \(line 4\).*found hadmard, expected classifier, .*needs `method:`/,
    ],
    [
      'an unknown method of a label',
      { methods: 'methods: { mine: { method: lorra } }' },
      '',
      'METHOD_UNKNOWN',
      /at methods\.mine\.method .*found lorra/,
    ],
    ['no method', { methods: 'methods: {}' }, '', 'SWEEP_FILE', /at methods .*expected some of classifier/],
    ['an unknown task', { tasks: 'tasks: [sst3]' }, '', 'TASK_UNKNOWN', /found "sst3", expected cola, sst2/],
    [
      'a key of a table that does not exist',
      { tasks: 'tasks: [{ name: a, tran: train.csv }]' },
      '',
      'SWEEP_FILE',
      /no such setting at tasks\.0\.tran .*found "tran", expected one of name, train, /,
    ],
    [
      'an unknown metric',
      { tasks: 'tasks: [{ name: a, train: train.csv, metric: acuracy }]' },
      '',
      'SWEEP_FILE',
      /tasks\.0\.metric .*found "acuracy", expected \("accuracy" \|/,
    ],
    [
      'two tasks of one name',
      { tasks: 'tasks: [sst2, SST-2]' },
      '',
      'SWEEP_FILE',
      /Two tasks have the same name at tasks\.1 .*found sst2/,
    ],
    ['a task without data', { data: '' }, '', 'SWEEP_FILE', /found sst2 but no `data`/],
    ['a data folder that is not there', { data: 'data: gleu' }, '', 'FOLDER_MISSING', /no folder at .*gleu/],
    ['a seed twice', { seeds: 'seeds: [1, 1]' }, '', 'SWEEP_FILE', /at seeds .*expected each seed once/],
    ['no seed', { seeds: 'seeds: 0' }, '', 'SWEEP_FILE', /at seeds .*found 0/],
    ['a key twice', {}, 'seeds: 3', 'SWEEP_FILE', /is not YAML: found .*unique at line 6/],
    ['no YAML', { seeds: 'seeds: [1' }, '', 'SWEEP_FILE', /is not YAML: found .* at line 7/],
    [
      'a text',
      { model: 'just text', data: '', tasks: '', methods: '', seeds: '' },
      '',
      'SWEEP_FILE',
      /at the top of sweep\.yaml: found "just text"/,
    ],
    [
      'more runs than anyone waits for',
      { methods: 'methods: { hadamard: { lr: [1, 2, 3, 4, 5, 6], dropout: [0, 0.1, 0.2] } }', seeds: 'seeds: 10000' },
      '',
      'SWEEP_FILE',
      /too large .*found 360000 runs/,
    ],
    [
      'a grid larger than memory',
      {
        methods: `methods: { hadamard: { ${['lr', 'dropout', 'weightDecay', 'warmup', 'classifierLr', 'maxGradNorm']
          .map((name) => `${name}: [${Array.from({ length: 100 }, (_, i) => (i + 1) / 200).join(', ')}]`)
          .join(', ')} } }`,
      },
      '',
      'SWEEP_FILE',
      /too large at methods\.hadamard .*found 1000000000000 settings/,
    ],
  ] as const)('with %s is refused by name', async (_, changes, more, code, message) => {
    const { code: exit, stdout, stderr } = await cli('sweep', file(changes, more));
    expect({ exit, stdout }).toEqual({ exit: 1, stdout: '' });
    expect(stderr).toMatch(new RegExp(`^error \\[${code}\\] [^\\n]+\\n$`));
    expect(stderr).toMatch(message);
  });

  it.each([
    ['no such file', ['nowhere.yaml'], {}, 'FILE_MISSING'],
    ['no such model', [], {}, 'MODEL_MISSING'],
    ['a method to compare with that is not there', ['--against', 'lora'], {}, 'SWEEP_AGAINST'],
  ] as const)('%s', async (_, [path, ...flags], changes, code) => {
    const given =
      path === undefined || path.startsWith('--')
        ? [file(changes), ...(path === undefined ? [] : [path, ...flags])]
        : [join(folder, path), ...flags];
    expect(lastLine<{ error: { code: string } }>(await cli('sweep', ...given, '--json')).error.code).toBe(code);
  });
});

describe('a sweep file of any content', () => {
  const names = fc.constantFrom(
    ...Object.keys(sweepSchema.entries),
    'hadamard',
    'lr',
    'layers',
    'method',
    'name',
    'train',
  );
  const value = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      fc.jsonValue({ maxDepth: 1 }),
      fc.constantFrom('all', '1-2', 'sst2', 'lora', 3, 0.5),
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(names, tie('value'), { maxKeys: 6 }),
    ),
  })).value;

  it('is read or refused by a code, never a crash', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.string({ maxLength: 80 }),
          value.map((content) => JSON.stringify(content)),
          fc.dictionary(names, value, { minKeys: 3 }).map((content) => JSON.stringify({ ...GOOD_VALUES, ...content })),
        ),
        async (content) => {
          const path = write(join(folder, 'any.yaml'), content);
          const error = await readSweep(path).then(
            () => undefined,
            (reason: unknown) => reason,
          );
          if (error !== undefined)
            expect((error as { code?: string }).code, String((error as Error).stack)).toMatch(
              /^(SWEEP_FILE|METHOD_UNKNOWN|TASK_UNKNOWN|FOLDER_MISSING|PLAN)$/,
            );
        },
      ),
      { numRuns: 300 },
    );
  });
});

it.each(['sweep', 'worker'])('%s --help explains itself', async (command) => {
  const { code, stdout } = await cli(command, '--help');
  expect(code).toBe(0);
  expect(stdout).toMatch(new RegExp(`^Usage: hadamard ${command} .*\\n`));
  expect(stdout).toContain('--json');
});

describe('a grid', () => {
  it('has every combination, the last setting changing fastest', () => {
    const variants = expandGrid('hadamard', { lr: [1, 2], dropout: 0.1, norm: ['attention', 'both'] });
    expect(variants.map(({ shown }) => shown)).toEqual([
      { lr: 1, norm: 'attention' },
      { lr: 1, norm: 'both' },
      { lr: 2, norm: 'attention' },
      { lr: 2, norm: 'both' },
    ]);
    expect(variants.every(({ settings }) => settings.dropout === 0.1)).toBe(true);
  });

  it.each([
    [[4, 5], [[4, 5]]],
    ['4-6', [[4, 5, 6]]],
    [3, [[3]]],
    ['all', [undefined]],
    [
      ['all', '0,2', [5, 4]],
      [undefined, [0, 2], [4, 5]],
    ],
  ])('reads layers %j as sets', (value, sets) => {
    expect(layerSets(value)).toEqual(sets);
  });
});

describe('the key of a run', () => {
  const identity: RunIdentity = {
    model: { weights: 'a', files: 'b' },
    data: 'c',
    task: 't',
    metric: 'accuracy',
    settings: settingsOf({ method: 'hadamard' }),
    seed: 0,
    arithmetic: 'float32',
  };

  it('changes with everything that the result depends on', () => {
    const others: Partial<RunIdentity>[] = [
      { model: { weights: 'x', files: 'b' } },
      { model: { weights: 'a', files: 'x' } },
      { data: 'x' },
      { task: 'x' },
      { metric: 'f1' },
      { settings: settingsOf({ method: 'hadamard', lr: 1 }) },
      { settings: settingsOf({ method: 'layernorm' }) },
      { seed: 1 },
      { maxLength: 9 },
      { arithmetic: 'int8' },
      { device: 'webgpu' },
    ];
    expect(new Set([identity, ...others.map((other) => ({ ...identity, ...other }))].map(runKey)).size).toBe(
      others.length + 1,
    );
  });

  it('does not change with the order of settings, or with those that a method does not read', () => {
    const { settings } = identity;
    const turned = Object.fromEntries(Object.entries(settings).toReversed()) as typeof settings;
    for (const same of [turned, { ...settings, rank: 99, alpha: 1 }])
      expect(runKey({ ...identity, settings: same })).toBe(runKey(identity));
    const oneStage = settingsOf({ method: 'layernorm' });
    expect(runKey({ ...identity, settings: { ...oneStage, classifierLr: 9, site: 'output' } })).toBe(
      runKey({ ...identity, settings: oneStage }),
    );
  });

  it.each(METHODS)('of %s reads what its stages read', (method) => {
    const read = Object.keys(effective(settingsOf({ method })));
    expect(read).toEqual(
      expect.arrayContaining([
        'method',
        'batchSize',
        'pooling',
        ...(method === 'classifier' ? ['classifierLr'] : ['lr', 'epochs']),
      ]),
    );
  });
});

describe('the README', () => {
  const readme = readFileSync(join(import.meta.dirname, '..', 'README.md'), 'utf8');

  it('has an example that is a sweep file', () => {
    const [, example] = /```yaml\n([^]*?)```/.exec(readme) ?? [];
    const { value } = readYaml(example ?? '', sweepSchema, 'README.md');
    expect(Object.keys(value.methods)).toEqual(['classifier', 'hadamard', 'scale only', 'lora']);
  });

  it('names every key of a sweep file and every setting of a method', () => {
    const keys = [
      ...Object.keys(sweepSchema.entries),
      ...Object.keys(settingsOf({ method: 'hadamard' })),
      'layers',
      'patience',
      'maxGradNorm',
    ];
    expect(keys.filter((key) => !readme.includes(`\`${key}\``))).toEqual([]);
  });

  it('names every error of sweeps and workers', () => {
    const root = join(import.meta.dirname, '..', 'src', 'sweep');
    const sources = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
    const codes = new Set(
      sources.flatMap((name) =>
        [
          ...readFileSync(join(root, name), 'utf8').matchAll(
            /'((?:SWEEP|METHOD|RESULTS|RUN|QUEUE|FILE|FOLDER|TASK)_[A-Z]+)'/g,
          ),
        ].map(([, code]) => code as string),
      ),
    );
    expect(codes.size).toBeGreaterThan(15);
    expect([...codes].filter((code) => !readme.includes(`\`${code}\``))).toEqual([]);
  });

  it('and the package have an example that runs', async () => {
    const { tasks, methods } = await readSweep(join(import.meta.dirname, '..', 'assets', 'examples', 'sweep.yaml'));
    expect(tasks).toHaveLength(1);
    expect(methods.map(({ variants }) => variants.length)).toEqual([1, 2, 1]);
  });
});
