import { beforeAll, describe, expect, it } from 'vitest';
import { MismatchError, fromFloat32, type Batch } from '@hadamard-adapter/core';
import { runSuite, type Driver, type Fixture } from '../src/index.js';
import { packagedFixtures, readFixtures } from '../src/node.js';
import { edited, without, type Edits } from './support/fixtures.js';
import { changedDriver, fill, referenceDriver, type Change } from './support/reference-driver.js';

// Faults that a careless suite would miss, each against the one case that has to see it.

let fixtures: Fixture[] = [];
beforeAll(async () => {
  fixtures = await readFixtures(packagedFixtures);
});

const place = 'electra/model.onnx/context';
const SCHEDULE = 'schedule/two-stage/roberta/model.onnx';

/** Runs one case: what failed, or undefined. */
async function only(driver: Driver, key: string, of: readonly Fixture[] = fixtures): Promise<string | undefined> {
  const { failures, passed } = await runSuite(driver, of, { variants: ['model.onnx'], key });
  expect(passed + failures.length).toBe(1);
  return failures[0]?.message;
}

const of = (change: Change, key: string): Promise<string | undefined> => only(changedDriver(change), key);
const recorded = async (family: string, edits: Edits, key: string): Promise<string | undefined> =>
  only(referenceDriver, key, [await edited(family, edits)]);

describe('forward', () => {
  it('one number that is not a number fails', async () => {
    const change: Change = (model) => ({ encode: async (batch) => (await model.encode(batch)).fill(Number.NaN, 5, 6) });
    expect(await of(change, `hidden/${place}/b2s7`)).toBe('hidden states: off by Infinity, allowed 1e-5');
  });

  it('a result of another size fails, even if it begins right', async () => {
    const change: Change = (model) => ({ encode: async (batch) => (await model.encode(batch)).subarray(0, 32) });
    expect(await of(change, `hidden/${place}/b2s7`)).toBe('hidden states: 32 numbers instead of 448');
  });

  it('what stands at padding does not count, there and only there', async () => {
    const replaced =
      (which: 0 | 1): Change =>
      (model) => ({
        async encode(batch) {
          const states = await model.encode(batch);
          const width = states.length / batch.inputIds.length;
          return states.map((value, i) => (batch.attentionMask[Math.floor(i / width)] === which ? value + 9 : value));
        },
      });
    expect(await of(replaced(0), `hidden/${place}/b4s12`)).toBeUndefined();
    expect(await of(replaced(1), `hidden/${place}/b4s12`)).toMatch(/^hidden states: off by 9\.00e\+0, /);
  });

  it('an adapter at the wrong layer fails', async () => {
    const change: Change = (model) => ({ siteInput: (batch) => model.siteInput(batch, 'layer.0') });
    expect(await of(change, `site-input/${place}/b2s7/layer.0`)).toBeUndefined();
    expect(await of(change, `site-input/${place}/b2s7/layer.1`)).toMatch(
      /^input of layer\.1: off by .*, allowed 1e-5$/,
    );
  });

  it('folding that is wrong for one batch only fails, whichever it is', async () => {
    for (const rows of [4, 2]) {
      const change: Change = (model) => ({
        async foldAndReload() {
          const plain = await model.foldAndReload();
          return {
            ...plain,
            predict: async (batch) =>
              (await plain.predict(batch)).map((value) => (batch.batch === rows ? value + 1e-3 : value)),
          };
        },
      });
      expect(await of(change, `fold/equals-unfolded/${place}`)).toMatch(/^folded logits: off by 1\.00e-3, /);
    }
  });
});

describe('gradients', () => {
  it('a loss that is off fails although its gradients are right', async () => {
    const change: Change = (model) => ({
      async gradients(batch, groups) {
        const { loss, gradients } = await model.gradients(batch, groups);
        return { loss: loss + 1e-3, gradients };
      },
    });
    expect(await of(change, `gradient/${place}/b2s7`)).toBe('loss: off by 1.00e-3, allowed 1e-5');
  });

  it('large numbers are compared relative to themselves, but compared', async () => {
    const scaled =
      (what: 'loss' | 'gradients', by: number): Change =>
      (model) => ({
        async gradients(batch, groups) {
          const { loss, gradients } = await model.gradients(batch, groups);
          return what === 'loss'
            ? { loss: loss * by, gradients }
            : { loss, gradients: gradients.map((value) => value * by) };
        },
      });
    // A loss of 12 and gradients of up to 13: even the small factor moves them by more than 1e-5 and 2e-5, though by no
    // more digits than float32 may lose.
    const key = 'gradient/bert/model.onnx/context_mse/b2s7';
    for (const what of ['loss', 'gradients'] as const) {
      expect(await of(scaled(what, 1 + 5e-6), key)).toBeUndefined();
      expect(await of(scaled(what, 1 + 1e-4), key)).toMatch(
        what === 'loss' ? /^loss: off by / : /^gradient of .*: off by .*, allowed /,
      );
    }
  });

  it('a norm that is not trainable fails: its gradient is recorded', async () => {
    const driver: Driver = {
      ...referenceDriver,
      load: (source, options) => referenceDriver.load(source, { ...options, norm: 'attention' }),
    };
    expect(await only(driver, `gradient/${place}/b2s7`)).toBe(
      'no parameter for the recorded gradient encoder.layer.0.output.LayerNorm.bias',
    );
  });

  it('an adapter that the model lacks fails, even where it would change nothing', async () => {
    const fourth: Edits = {
      tensors: (tensors) => tensors.set('context.b2s7.grad.adapter.layer.3.w', fromFloat32(new Float32Array(32))),
    };
    expect(await recorded('electra', fourth, `gradient/${place}/b2s7`)).toBe(
      'no parameter for the recorded gradient adapter.layer.3.w',
    );
  });

  it('base weights that are not trainable fail where their gradients are recorded', async () => {
    const driver: Driver = {
      ...referenceDriver,
      load: (source, options) => referenceDriver.load(source, { ...options, trainBase: false }),
    };
    expect(await only(driver, 'gradient/bert/model.onnx/none/b2s7')).toMatch(
      /^no parameter for the recorded gradient (embeddings|encoder)\./,
    );
  });

  it('a recorded gradient that belongs to nothing is no comparison', async () => {
    const message = await recorded(
      'electra',
      {
        tensors: (tensors) => {
          without(/^none\.b2s7\.grad\./)(tensors);
          tensors.set('none.b2s7.grad.embeddings.gone', fromFloat32(new Float32Array(1)));
        },
      },
      'gradient/electra/model.onnx/none/b2s7',
    );
    expect(message).toBe('no recorded gradient belongs to a parameter of the model');
  });

  it('a matrix that is turned without saying so fails', async () => {
    const change: Change = (model) => ({
      parameters: model.parameters.map((parameter) => ({ ...parameter, transposed: false })),
    });
    expect(await of(change, 'gradient/bert/model.onnx/none/b2s7')).toMatch(
      /^gradient of encoder\.layer\.0\..*\.weight: off by .*, allowed 2e-5$/,
    );
  });
});

describe('the recorded run', () => {
  it('weight decay that is ignored fails the recorded run', async () => {
    const change: Change = (model) => ({
      step: (batches, settings) => model.step(batches, { ...settings, weightDecay: 0 }),
    });
    expect(await of(change, SCHEDULE)).toMatch(
      /^(stage1 loss of step \d|head\.\w+ after stage1): off by .*, allowed 1e-4$/,
    );
  });

  it('a loss that is off after training fails the recorded run', async () => {
    const change: Change = (model) => ({
      gradients: async (batch, groups) => ({ ...(await model.gradients(batch, groups)), loss: 0 }),
    });
    expect(await of(change, SCHEDULE)).toMatch(/^loss on batch 0 after stage1: off by .*, allowed 1e-4$/);
  });

  it('another learning rate than the recorded one fails the recorded run', async () => {
    const faster: Edits = {
      golden: ({ trajectory }) => Object.assign((trajectory as { stage2: object }).stage2, { lr: 6e-3 }),
    };
    expect(await recorded('roberta', faster, SCHEDULE)).toBe(
      'stage2 learning rate of step 1: off by 1.00e-3, allowed 1e-9',
    );
  });

  it('a classifier that is not frozen in the second stage fails the recorded run', async () => {
    const change: Change = (model) => ({
      step: (batches, { groups, ...settings }) =>
        model.step(batches, { ...settings, groups: groups.includes('adapter') ? ['classifier', ...groups] : groups }),
    });
    expect(await of(change, SCHEDULE)).toMatch(/^stage2 loss of step \d: off by .*, allowed 1e-4$/);
  });

  it('skipping the step of learning rate 0 fails the recorded run: it moves the moments', async () => {
    const change: Change = (model) => ({
      step: (batches, settings) =>
        settings.learningRate === 0
          ? model.gradients(batches[0] as Batch, settings.groups)
          : model.step(batches, settings),
    });
    expect(await of(change, SCHEDULE)).toMatch(/^stage2 loss of step \d: off by .*, allowed 1e-4$/);
  });

  it('parameters that are wrong fail although every loss is right', async () => {
    const change: Change = (model) => {
      let steps = 0;
      return {
        step: (batches, settings) => (steps++, model.step(batches, settings)),
        read: async (groups) => (await model.read(groups)).map((value) => (steps === 0 ? value : value + 1e-3)),
      };
    };
    expect(await of(change, SCHEDULE)).toMatch(/^head\.\w+ after stage1: off by 1\.00e-3, allowed 1e-4$/);
  });

  it('a record without parameters at the end of a stage, or with unknown ones, cannot pass', async () => {
    expect(await recorded('roberta', { tensors: without(/^traj\.stage2\.final\./) }, SCHEDULE)).toBe(
      'no parameters recorded after stage2',
    );
    const unknown: Edits = {
      tensors: (tensors) => tensors.set('traj.stage1.final.pooler.bias', fromFloat32(new Float32Array(1))),
    };
    expect(await recorded('roberta', unknown, SCHEDULE)).toBe('no parameter for pooler.bias');
  });
});

describe('adapters as files, and the end', () => {
  it('a refusal of another kind is not the refusal asked for', async () => {
    const refusing =
      (error: Error): Change =>
      () => ({ restore: () => Promise.reject(error) });
    const key = `reload/refuses-other-site/${place}`;
    expect(await of(refusing(new MismatchError('No', { code: 'ADAPTER_SHAPE' })), key)).toBe(
      'expected an error ADAPTER_SITE_MISMATCH, got ADAPTER_SHAPE',
    );
    expect(await of(refusing(new TypeError('no')), key)).toBe(
      'expected an error ADAPTER_SITE_MISMATCH, got TypeError: no',
    );
  });

  it('a refusal that changes parameters first is none', async () => {
    const change: Change = (model) => ({
      async restore(files) {
        await fill(model, { 'layer.0.adapter.bias': 7 });
        await model.restore(files);
      },
    });
    expect(await of(change, `reload/refuses-other-site/${place}`)).toBe('a refused adapter changed parameters');
  });

  it.each(['read', 'predict'] as const)('a disposed model that answers to %s alone still answers', async (what) => {
    const change: Change = (model) => {
      const kept = new Float32Array(3);
      let disposed = false;
      return {
        [what]: (batch: Batch & []) => (disposed ? Promise.resolve(kept) : model[what](batch)),
        dispose() {
          disposed = true;
          return model.dispose();
        },
      };
    };
    expect(await of(change, `dispose/refuses-use/${place}`)).toBe('expected an error MODEL_DISPOSED, got none');
  });

  it('a reload cannot pass by having nothing to reload', async () => {
    // Every model gives the same logits: a comparison before and after would hold for free.
    const change: Change = (model) => ({ predict: async (batch) => (await model.predict(batch)).fill(0) });
    expect(await of(change, `reload/same-logits/${place}`)).toBe(
      'the fresh model already gives the logits of the trained one: nothing can be seen',
    );
  });
});
