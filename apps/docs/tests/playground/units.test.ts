import { describe, expect, it } from 'vitest';
import { folderName, readAdapterFiles, zipAdapter } from '../../src/playground/adapter-files.js';
import { chartOf, ticks } from '../../src/playground/chart.js';
import { formatOfPaste } from '../../src/playground/input.js';
import { layersOf, summaryOf } from '../../src/playground/layer-map.js';
import { LIGHT, colourAt, pixelsOf } from '../../src/playground/palette.js';
import { runProgress } from '../../src/playground/run-progress.js';
import { DEFAULTS, FIELDS, faultOf, planOf, stepsOf } from '../../src/playground/settings.js';
import { summarize } from '../../src/playground/table-summary.js';

const table = (columns: readonly string[], rows: readonly (readonly string[])[]) => ({
  name: 't.csv',
  columns,
  rows: rows.map((row, i) => ({
    line: i + 2,
    values: Object.fromEntries(columns.map((column, j) => [column, row[j] ?? ''])),
  })),
});

describe('columns', () => {
  it('are guessed by name, else by what is in them', () => {
    expect(summarize(table(['id', 'Label', 'Text'], [['1', 'a', 'x']])).guess).toEqual({
      text: 'Text',
      label: 'Label',
    });
    const rows = Array.from({ length: 20 }, (_, i) => [
      String(i),
      `A longer sentence of number ${i}`,
      i % 2 === 0 ? 'up' : 'down',
      'same',
    ]);
    expect(summarize(table(['n', 'what', 'way', 'constant'], rows)).guess).toEqual({ text: 'what', label: 'way' });
  });

  it('have samples that are cut between characters as people see them', () => {
    const family = '👩‍👩‍👧‍👦';
    expect(summarize(table(['text'], [[family.repeat(90)]])).columns[0]?.sample).toMatch(/^(👩‍👩‍👧‍👦)+…$/u);
  });
});

it('the format of a pasted table is told from its first line', () => {
  expect(formatOfPaste('text\tlabel\na\tb')).toBe('tsv');
  expect(formatOfPaste('{"text": "a"}')).toBe('jsonl');
  expect(formatOfPaste('text,label\na\tb,c')).toBe('csv');
});

describe('settings', () => {
  it('say what they expect', () => {
    const [epochs] = FIELDS;
    if (epochs === undefined) throw new Error('no fields');
    expect(['0', '1.5', '', 'ten', '1e9'].map((text) => faultOf(epochs, text))).toEqual(
      Array(5).fill('Expected a whole number from 1 to 200.'),
    );
    for (const field of FIELDS) expect(faultOf(field, String(DEFAULTS[field.key]))).toBeUndefined();
  });

  it('make a plan, and as many steps as the loop will do', () => {
    expect(stepsOf(planOf(DEFAULTS), 480)).toEqual([150, 300]);
    expect(stepsOf(planOf(DEFAULTS), 481)).toEqual([160, 320]);
  });
});

describe('the chart', () => {
  it('has round ticks that cover the range', () => {
    expect(ticks(1.79, 4)).toEqual([0, 0.5, 1, 1.5, 2]);
    expect(ticks(450, 6)).toEqual([0, 100, 200, 300, 400, 500]);
    expect(ticks(7, 3)).toEqual([0, 5, 10]);
  });

  it('keeps its points inside, and their number bounded', () => {
    const losses = Array.from({ length: 5000 }, (_, i) => 2 - i / 5000);
    const chart = chartOf(
      {
        planned: [5000, 100],
        losses: [losses, []],
        epochs: [{ stage: 0, epoch: 1, step: 5000, loss: 1, heldOutLoss: 1.2, accuracy: 0.5 }],
      },
      600,
      260,
    );
    const points = [...(chart.training[0] ?? '').matchAll(/[ML]([\d.]+) ([\d.]+)/g)].map(
      ([, x, y]) => [Number(x), Number(y)] as const,
    );
    expect(points.length).toBeLessThanOrEqual(400);
    for (const [x, y] of points) {
      expect(x).toBeGreaterThanOrEqual(chart.left);
      expect(x).toBeLessThanOrEqual(chart.right);
      expect(y).toBeGreaterThanOrEqual(chart.top);
      expect(y).toBeLessThanOrEqual(chart.bottom);
    }
    expect(chart.stages[1]).toEqual({ from: chart.stages[0]?.to, to: chart.right });
  });
});

describe('the map of layers', () => {
  it('reads scale and shift from the flat vector', () => {
    const parameters = [
      { name: 'classifier.weight', group: 'classifier', shape: [2, 2] },
      { name: 'layer.1.adapter.weight', group: 'adapter', shape: [2] },
      { name: 'layer.1.adapter.bias', group: 'adapter', shape: [2] },
      { name: 'layer.0.adapter.weight', group: 'adapter', shape: [2] },
      { name: 'layer.0.adapter.bias', group: 'adapter', shape: [2] },
    ] as const;
    const map = layersOf(parameters, Float32Array.of(2, 1, 0, 4, 0.5, 1, -3, 0));
    expect(map.layers).toEqual([
      { layer: 0, scale: Float32Array.of(-0.5, 0), shift: Float32Array.of(-3, 0) },
      { layer: 1, scale: Float32Array.of(1, 0), shift: Float32Array.of(0, 4) },
    ]);
    expect(summaryOf(Float32Array.of(1, -3, 2))).toEqual({ mean: 2, largest: -3, channel: 1 });
  });

  it('is coloured from one end to the other, with the middle at 0', () => {
    expect([-1, 0, 1, 9].map((position) => colourAt(LIGHT, position))).toEqual([
      LIGHT.less,
      LIGHT.middle,
      LIGHT.more,
      LIGHT.more,
    ]);
    expect([...pixelsOf([new Float32Array(1)], 0, LIGHT)]).toEqual([...LIGHT.middle, 255]);
  });
});

it('time is left as the steps so far tell', () => {
  let now = 0;
  const follow = runProgress(() => now);
  const stage = { stage: 'adapter', stageIndex: 1 } as const;
  follow({
    type: 'stage-start',
    ...stage,
    groups: ['adapter'],
    trainable: 1,
    epochs: 2,
    totalSteps: 20,
    totalExamples: 20,
  });
  const step = (n: number) =>
    follow({
      type: 'step',
      ...stage,
      epoch: 1,
      step: n,
      totalSteps: 20,
      loss: 1,
      learningRate: 1,
      examples: n,
      totalExamples: 20,
    });
  // The first step takes long, since it makes the graph.
  now = 5000;
  expect(step(1).secondsLeft).toBeUndefined();
  for (let n = 2; n <= 11; n++) {
    now += 100;
    step(n);
  }
  expect(step(11).secondsLeft).toBeCloseTo(0.9);
});

describe('files of an adapter', () => {
  it('are found in a zip that the page made, and named for any system', async () => {
    const files = {
      'adapter_config.json': Uint8Array.of(1),
      'adapter_model.safetensors': Uint8Array.of(2, 3),
      'README.md': Uint8Array.of(4),
    };
    const zip = new File([zipAdapter(files, 'x')], 'a.zip');
    expect(await readAdapterFiles([zip])).toEqual(files);
    expect(folderName('my table (1).csv')).toBe('hadamard-my-table-1');
    expect(folderName('../😀')).toBe('hadamard-adapter');
    expect(folderName('نص.csv')).toBe('hadamard-نص');
  });

  it('are refused when they are no adapter', async () => {
    await expect(readAdapterFiles([new File(['x'], 'x.txt')])).rejects.toMatchObject({ code: 'ADAPTER_FILE_MISSING' });
    await expect(readAdapterFiles([new File(['x'], 'x.zip')])).rejects.toMatchObject({ code: 'ADAPTER_ZIP' });
  });
});
