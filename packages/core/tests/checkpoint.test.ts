import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  CHECKPOINT_FILE,
  CHECKPOINT_TENSORS_FILE,
  dataFingerprint,
  decodeCheckpoint,
  encodeCheckpoint,
  sha256,
  type Checkpoint,
  type Plan,
} from '../src/index.js';
import { failure, survives } from './support/failure.js';
import { data, plan, record } from './support/run.js';
import { toyModel, toySplit } from './support/toy.js';

const whole = await record({ options: { checkpointEvery: 1 } });
const middle = whole.checkpoints.find(
  ({ position }) => position.stage === 1 && position.epoch === 1 && position.step === 2,
) as Checkpoint;
const files = await encodeCheckpoint(middle);

const reload = async (checkpoint: Checkpoint): Promise<Checkpoint> =>
  decodeCheckpoint(await encodeCheckpoint(checkpoint));

describe('resume', () => {
  it('from any step gives the same bits, history and result as a run that never stopped', async () => {
    // 12 steps in each stage, and the end of each
    expect(whole.checkpoints.length).toBe(26);
    for (const checkpoint of whole.checkpoints) {
      const model = toyModel();
      await model.write((await model.read()).fill(0.123)); // nothing of the start may matter
      const resumed = await record({ model, options: { resume: await reload(checkpoint) } });
      expect(resumed.values).toEqual(whole.values);
      expect(resumed.result).toEqual(whole.result);
    }
  });

  it('goes on where a signal interrupted, wherever that was', async () => {
    for (const [kind, count] of [
      ['step', 1],
      ['step', 6],
      ['step', 17],
      ['precompute', 1],
      ['precompute', 4],
      ['evaluating', 1],
      ['epoch-end', 1],
      ['stage-end', 1],
    ] as const) {
      const controller = new AbortController();
      let seen = 0;
      const stopped = await record({
        options: { signal: controller.signal, evaluateBatchSize: 10 },
        onEvent: ({ type }) => void (type === kind && ++seen === count && controller.abort()),
      });
      expect(stopped.result.interrupted).toBe(true);
      expect(stopped.events.slice(-2).map(({ type }) => type)).toEqual(['checkpoint', 'interrupted']);
      if (kind === 'step') expect(stopped.events.filter(({ type }) => type === 'step').length).toBe(count);
      const resumed = await record({ options: { resume: await reload(stopped.checkpoints[0] as Checkpoint) } });
      expect(resumed.values).toEqual(whole.values);
      expect(resumed.result).toEqual(whole.result);
    }
  });

  it('of an interrupted run that was aborted before it began starts at the beginning', async () => {
    const stopped = await record({ options: { signal: AbortSignal.abort() } });
    expect(stopped.checkpoints[0]?.position).toEqual({ stage: 0, epoch: 0, step: 0 });
    expect((await record({ options: { resume: stopped.checkpoints[0] as Checkpoint } })).values).toEqual(whole.values);
  });

  it('keeps patience', async () => {
    const flat = { name: 'flat', main: 'flat', compute: () => ({ flat: 0.5 }) };
    const patient: Plan = { ...plan, stages: plan.stages.map((stage) => ({ ...stage, epochs: 6, patience: 2 })) };
    const full = await record({ plan: patient, options: { metric: flat, checkpointEvery: 5 } });
    expect(full.result.stages.map(({ epochs, bestEpoch }) => [epochs, bestEpoch])).toEqual([
      [3, 1],
      [3, 1],
    ]);
    for (const checkpoint of full.checkpoints) {
      const resumed = await record({ plan: patient, options: { metric: flat, resume: await reload(checkpoint) } });
      expect(resumed.values).toEqual(full.values);
      expect(resumed.result).toEqual(full.result);
    }
  });

  it('of a finished run ends at once', async () => {
    const resumed = await record({ options: { resume: await reload(whole.checkpoints.at(-1) as Checkpoint) } });
    expect(resumed.events.map(({ type }) => type)).toEqual(['end']);
  });

  it('tells the reader where the stage goes on', async () => {
    const { events } = await record({ options: { resume: middle } });
    expect(events[0]).toMatchObject({ type: 'stage-start', stageIndex: 1, resumedAt: 6 });
    expect(events.find(({ type }) => type === 'step')).toMatchObject({ step: 7, epoch: 2 });
  });
});

describe('a checkpoint of another run is refused', () => {
  const code = async (settings: Parameters<typeof record>[0], checkpoint = middle): Promise<string> => {
    const error = await failure(() => record({ ...settings, options: { resume: checkpoint, ...settings?.options } }));
    expect(error.name).toBe('MismatchError');
    return error.code;
  };

  it('by plan, naming the field', async () => {
    const other: Plan = { ...plan, stages: plan.stages.map((stage) => ({ ...stage, epochs: 7 })) };
    const error = await failure(() => record({ plan: other, options: { resume: middle } }));
    expect(error).toMatchObject({
      code: 'CHECKPOINT_PLAN',
      found: 'stages.0.epochs = 7',
      expected: 'stages.0.epochs = 2',
    });
  });

  it('by data', async () => {
    expect(await code({ data: { train: data.train } })).toBe('CHECKPOINT_DATA');
    expect(await code({ data: { ...data, train: toySplit('train', 90, 3) } })).toBe('CHECKPOINT_DATA');
  });

  it('by model and by what the caller says it depends on', async () => {
    expect(await code({ model: toyModel({ numLabels: 3 }) })).toBe('CHECKPOINT_MODEL');
    expect(await code({ options: { identity: { base: 'x' } } })).toBe('CHECKPOINT_IDENTITY');
    const named = await record({ options: { identity: { base: 'x' }, checkpointEvery: 20 } });
    expect(await code({ options: { identity: { base: 'y' } } }, named.checkpoints[0] as Checkpoint)).toBe(
      'CHECKPOINT_IDENTITY',
    );
    expect(named.checkpoints[0]?.identity).toEqual({ base: 'x' });
  });

  it('already when it is read, if what is expected is said', async () => {
    expect((await failure(() => decodeCheckpoint(files, { plan: { ...plan, seed: 1 } }))).code).toBe('CHECKPOINT_PLAN');
    expect((await failure(() => decodeCheckpoint(files, { dataFingerprint: 'ab'.repeat(32) }))).code).toBe(
      'CHECKPOINT_DATA',
    );
    expect((await decodeCheckpoint(files, { plan, parameters: toyModel().parameters })).position).toEqual(
      middle.position,
    );
  });
});

describe('checkpoint files', () => {
  it('survive a round trip', async () => {
    for (const checkpoint of whole.checkpoints) expect(await reload(checkpoint)).toEqual(checkpoint);
  });

  it('do not share memory with the run', async () => {
    const before = middle.values.slice();
    await record({ options: { resume: middle } });
    expect(middle.values).toEqual(before);
  });

  /** The files with another JSON, as a person could make them. */
  const withJson = (change: (json: Record<string, unknown>) => unknown): Record<string, Uint8Array> => ({
    ...files,
    [CHECKPOINT_FILE]: new TextEncoder().encode(
      JSON.stringify(change(JSON.parse(new TextDecoder().decode(files[CHECKPOINT_FILE])) as Record<string, unknown>)),
    ),
  });

  it.each<[string, (json: Record<string, unknown>) => unknown]>([
    ['another version', (json) => ({ ...json, formatVersion: 2 })],
    ['an unknown key', (json) => ({ ...json, more: 1 })],
    ['a position behind the plan', (json) => ({ ...json, position: { stage: 3, epoch: 0, step: 0 } })],
    ['an epoch behind the stage', (json) => ({ ...json, position: { stage: 1, epoch: 99, step: 0 } })],
    ['epochs that are in no record', (json) => ({ ...json, history: [] })],
    ['stages without result', (json) => ({ ...json, stages: [] })],
    ['a best epoch to come', (json) => ({ ...json, best: { epoch: 3, score: 1 } })],
    ['steps without loss', (json) => ({ ...json, epochLoss: { sum: 0, rows: 0 } })],
    ['parameters of another size', (json) => ({ ...json, parameters: [{ name: 'a', group: 'norm', shape: [3] }] })],
    [
      'parameters of impossible size',
      (json) => ({ ...json, parameters: [{ name: 'a', group: 'norm', shape: [2 ** 50, 2 ** 50] }] }),
    ],
    [
      'parameters twice',
      (json) => ({ ...json, parameters: [...(json['parameters'] as unknown[]), ...(json['parameters'] as unknown[])] }),
    ],
    ['an optimizer of other groups', (json) => ({ ...json, optimizer: { groups: ['norm'], step: 1 } })],
    ['a plan that is none', (json) => ({ ...json, plan: {} })],
    ['a list', (json) => [json]],
  ])('with %s are refused', async (_, change) => {
    expect(await failure(() => decodeCheckpoint(withJson(change)))).toMatchObject({
      code: 'CHECKPOINT',
      name: 'FormatError',
    });
  });

  it('of two checkpoints mixed, or incomplete, are refused', async () => {
    const other = await encodeCheckpoint(whole.checkpoints[0] as Checkpoint);
    expect(
      (
        await failure(() =>
          decodeCheckpoint({ ...files, [CHECKPOINT_TENSORS_FILE]: other[CHECKPOINT_TENSORS_FILE] as Uint8Array }),
        )
      ).message,
    ).toContain('belong together');
    expect((await failure(() => decodeCheckpoint({}))).code).toBe('CHECKPOINT');
    const { [CHECKPOINT_TENSORS_FILE]: _, ...rest } = files;
    expect((await failure(() => decodeCheckpoint(rest))).code).toBe('CHECKPOINT');
  });

  it('with a step behind the end of the epoch are refused when resumed', async () => {
    const late = await decodeCheckpoint(withJson((json) => ({ ...json, position: { ...middle.position, step: 99 } })));
    expect((await failure(() => record({ options: { resume: late } }))).code).toBe('CHECKPOINT_DATA');
  });

  it('with any damage give one of our errors or a checkpoint', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(CHECKPOINT_FILE, CHECKPOINT_TENSORS_FILE),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }),
        fc.nat(),
        async (name, damage, cut) => {
          const bytes = (files[name] as Uint8Array).slice();
          for (const [at, value] of damage) bytes[at % bytes.length] = value;
          expect(await survives(() => decodeCheckpoint({ ...files, [name]: bytes }))).toBeDefined();
          expect(
            (
              await failure(() =>
                decodeCheckpoint({
                  ...files,
                  [name]: (files[name] as Uint8Array).subarray(0, cut % (bytes.length - 2)),
                }),
              )
            ).name,
          ).toBe('FormatError');
        },
      ),
      { numRuns: 200 },
    );
  });

  it('with any tensors under the right hash give one of our errors or a checkpoint', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }), fc.nat(), async (damage, cut) => {
        const bytes = (files[CHECKPOINT_TENSORS_FILE] as Uint8Array).slice(cut % 3 === 0 ? cut % 500 : 0);
        for (const [at, value] of damage) bytes[at % bytes.length] = value;
        const hash = await sha256(bytes);
        expect(
          await survives(() =>
            decodeCheckpoint({
              ...withJson((json) => ({ ...json, tensorsSha256: hash })),
              [CHECKPOINT_TENSORS_FILE]: bytes,
            }),
          ),
        ).toBeDefined();
      }),
      { numRuns: 200 },
    );
  });

  it('with any JSON value in any field give one of our errors or a checkpoint', async () => {
    const keys = Object.keys(JSON.parse(new TextDecoder().decode(files[CHECKPOINT_FILE])) as object);
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...keys), fc.jsonValue(), async (key, value) => {
        expect(await survives(() => decodeCheckpoint(withJson((json) => ({ ...json, [key]: value }))))).toBeDefined();
      }),
      { numRuns: 200 },
    );
  });
});

describe('dataFingerprint', () => {
  it('changes with rows, labels, tokens and splits', async () => {
    const { train } = data;
    const other = {
      ...train,
      batch: (rows: Int32Array) => {
        const batch = train.batch(rows);
        return { ...batch, inputIds: batch.inputIds.map((token) => token + 1) };
      },
    };
    const variants = [
      [train],
      [train, undefined],
      [train, data.dev],
      [{ ...train, labels: (train.labels as Float32Array).map((label) => 1 - label) }],
      [toySplit('train', 89, 1)],
      [other],
    ];
    const prints = await Promise.all(variants.map((splits) => dataFingerprint(splits)));
    expect(new Set(prints).size).toBe(variants.length);
    expect(await dataFingerprint([toySplit('train', 90, 1)])).toBe(prints[0]);
  });
});
