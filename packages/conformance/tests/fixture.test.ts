import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DataError, FormatError, writeSafetensors, type Tensor } from '@hadamard-adapter/core';
import { collectCases, readFixture, runSuite, type Fixture } from '../src/index.js';
import { edited, packagedFile, text, without } from './support/fixtures.js';
import { failure, survives } from './support/failure.js';
import { referenceDriver } from './support/reference-driver.js';

const FAMILY = 'distilbert';
const safetensors = packagedFile(FAMILY, 'golden.safetensors');
const golden = new TextDecoder().decode(packagedFile(FAMILY, 'golden.json'));
/** The description without what the suite does not read, so that a random place in it is one that counts. */
const description = Object.fromEntries(
  Object.entries(JSON.parse(golden) as Record<string, unknown>).filter(([name]) =>
    ['family', 'pooling', 'shapes', 'attention_output_norms', 'ffn_output_norms', 'variants', 'trajectory'].includes(
      name,
    ),
  ),
);

describe('a packaged fixture', () => {
  it('gives values as float64 where they are recorded so, else the float32 ones', async () => {
    const fixture = await edited(FAMILY);
    expect(fixture.exact('context.b2s7.loss')).toHaveLength(1);
    // The loss was computed in float64 and is no float32 number; adapters were drawn in float32 and are.
    const [loss] = fixture.exact('context.b2s7.loss') as unknown as [number];
    expect(Math.fround(loss)).not.toBe(loss);
    const weights = fixture.exact('context.adapter.layer.0.w');
    expect([...weights].map(Math.fround)).toEqual([...weights]);
    expect(weights).toHaveLength(32);
  });

  it('gives the inputs of a batch as a runtime takes them', async () => {
    const batch = (await edited(FAMILY)).batch('b4s12', 'labels');
    expect(batch).toMatchObject({ batch: 4, sequence: 12 });
    expect(batch.inputIds).toHaveLength(48);
    const lengths = [0, 1, 2, 3].map((row) =>
      batch.attentionMask.slice(row * 12, row * 12 + 12).reduce((sum, one) => sum + one, 0),
    );
    expect(lengths).toEqual([12, 9, 5, 7]);
    expect(batch.labels).toHaveLength(4);
    expect(batch).not.toHaveProperty('tokenTypeIds');
    expect((await edited('electra')).batch('b4s12').tokenTypeIds).toContain(1);
    expect((await edited('electra')).batch('b4s12')).not.toHaveProperty('labels');
  });

  it('lists names without their float64 twins, and knows their shapes', async () => {
    const fixture = await edited(FAMILY);
    expect(fixture.names('context.b2s7.grad.head.')).toEqual(expect.arrayContaining(['weight', 'bias']));
    expect(fixture.names('context.b2s7.grad.head.')).toHaveLength(2);
    expect(fixture.names('').filter((name) => name.endsWith('.f64'))).toEqual([]);
    expect(fixture.shapeOf('context.head.weight')).toEqual([3, 32]);
  });
});

describe('a damaged fixture is refused', () => {
  const missing = (path: string): Promise<unknown> => edited(FAMILY, { files: { [path]: undefined } });
  const json = (value: unknown): Promise<unknown> =>
    edited(FAMILY, { files: { 'golden.json': text(typeof value === 'string' ? value : JSON.stringify(value)) } });

  it.each(['golden.json', 'golden.safetensors', 'config.json'])('without %s', async (path) => {
    const error = await failure(() => missing(path));
    expect(error).toBeInstanceOf(FormatError);
    expect(error).toMatchObject({ code: 'FIXTURE_FILE', found: `no ${path}` });
  });

  it.each<[string, unknown, string]>([
    ['is cut off', golden.slice(0, 500), 'is not JSON'],
    ['is empty', '', 'is not JSON'],
    ['nests without end', '['.repeat(1_000_000), 'is not JSON'],
    ['is no object', 42, 'is not valid: found 42, expected Object'],
    ['is of another kind', { model_type: 'bert' }, 'is not valid at family: found undefined, expected "family"'],
    [
      'has a number as text, over several lines',
      { ...description, shapes: { b4s12: { batch: 'fo\nur'.repeat(1e5), sequence: 12 } } },
      'is not valid at shapes.b4s12.batch: found "fo ur',
    ],
    [
      'has a trajectory without rates',
      { ...description, trajectory: { site: 'context', batches: 5, stage1: {}, stage2: {} } },
      'is not valid at trajectory.stage1.lr: found undefined',
    ],
  ])('when golden.json %s', async (_, value, message) => {
    const started = performance.now();
    const error = await failure(() => json(value));
    expect(error).toBeInstanceOf(FormatError);
    expect(error.code).toBe('FIXTURE_DESCRIPTION');
    expect(error.message).toContain(message);
    // Whatever stands in the file, the message stays one that can be read, and comes soon.
    expect(error.message.length).toBeLessThan(300);
    expect(performance.now() - started).toBeLessThan(2000);
  });

  it('when config.json is not JSON', async () => {
    expect(await failure(() => edited(FAMILY, { files: { 'config.json': text('model_type: bert') } }))).toMatchObject({
      code: 'FIXTURE_DESCRIPTION',
    });
  });

  it.each<[string, Uint8Array, string]>([
    ['is empty', new Uint8Array(0), 'SAFETENSORS_HEADER'],
    ['ends within its header', safetensors.slice(0, 1000), 'SAFETENSORS_HEADER'],
    ['lacks its last byte', safetensors.slice(0, -1), 'SAFETENSORS_DATA'],
    ['claims a header larger than memory', new Uint8Array(64).fill(0xff), 'SAFETENSORS_HEADER'],
    ['is something else', text(golden), 'SAFETENSORS_HEADER'],
  ])('when golden.safetensors %s', async (_, bytes, code) => {
    const started = performance.now();
    const error = await failure(() => edited(FAMILY, { files: { 'golden.safetensors': bytes } }));
    expect(error).toBeInstanceOf(FormatError);
    expect(error.code).toBe(code);
    expect(performance.now() - started).toBeLessThan(2000);
  });

  it('when a tensor is asked for that it does not have', async () => {
    const fixture = await edited(FAMILY, { tensors: without(/^b4s12\.input_ids$/) });
    expect(await failure(() => fixture.exact('nothing'))).toMatchObject({ code: 'FIXTURE_TENSOR' });
    expect(await failure(() => fixture.batch('b4s12'))).toMatchObject({ code: 'FIXTURE_TENSOR' });
    expect(await failure(() => fixture.shapeOf('nothing'))).toMatchObject({ code: 'FIXTURE_TENSOR' });
  });
});

describe('a damaged model file', () => {
  const key = '*/none/b2s7';

  it('is missed when it is asked for, and fails its cases', async () => {
    const fixture = await edited(FAMILY, { files: { 'model.onnx': undefined } });
    expect(await failure(() => fixture.model('model.onnx'))).toMatchObject({
      code: 'FIXTURE_FILE',
      found: 'no model.onnx',
    });
    const { failures, passed } = await runSuite(referenceDriver, [fixture], { key });
    expect(failures.map(({ message }) => message)).toEqual(
      Array(3).fill(`[FIXTURE_FILE] The fixture ${FAMILY} is incomplete: found no model.onnx`),
    );
    expect(passed).toBe(0);
  });

  it.each([0, 1, 1000, 100_000])(
    'cut off after %d bytes fails its cases with the error of the reader',
    async (length) => {
      const fixture = await edited(FAMILY, {
        files: { 'model.onnx': packagedFile(FAMILY, 'model.onnx').slice(0, length) },
      });
      const { failures, passed } = await runSuite(referenceDriver, [fixture], { key });
      expect(passed).toBe(0);
      expect(failures).toHaveLength(3);
      for (const { message } of failures) expect(message).toMatch(/^\[[A-Z_]+\] /);
    },
  );
});

describe('whatever stands in a fixture', () => {
  const read = (path: string, bytes: Uint8Array): Promise<Fixture> => edited(FAMILY, { files: { [path]: bytes } });
  /** Everything that collecting and the accessors do with a fixture that could be read. */
  const use = async (fixture: Fixture): Promise<void> => {
    collectCases([fixture]);
    for (const name of ['', ...fixture.names('')])
      for (const action of [fixture.exact, fixture.shapeOf, fixture.batch]) await survives(() => action(name));
  };
  const refusedOrUsed = async (path: string, bytes: Uint8Array): Promise<boolean> => {
    let fixture: Fixture | undefined;
    const error = await survives(async () => {
      fixture = await read(path, bytes);
    });
    if (error !== undefined) expect(error.message).not.toContain('\n');
    await survives(() => fixture && use(fixture));
    return error === undefined;
  };

  it.each(['golden.json', 'golden.safetensors', 'config.json'])(
    'arbitrary bytes as %s are refused with an error of ours or read',
    async (path) => {
      const bytes = fc.oneof(
        fc.uint8Array({ maxLength: 200 }),
        fc.string().map(text),
        fc.jsonValue().map((value) => text(JSON.stringify(value))),
      );
      await fc.assert(
        fc.asyncProperty(bytes, async (content) => {
          const isRead = await refusedOrUsed(path, content);
          // Of these, only a configuration has no form that it must follow.
          if (path !== 'config.json') expect(isRead).toBe(false);
        }),
      );
    },
  );

  it('golden.json with one value replaced', async () => {
    let accepted = 0;
    await fc.assert(
      fc.asyncProperty(fc.infiniteStream(fc.nat()), fc.jsonValue(), async (choices, value) => {
        if (await refusedOrUsed('golden.json', text(JSON.stringify(replaced(description, choices, value))))) accepted++;
      }),
      { numRuns: 200 },
    );
    // Else the readers behind the parser were never reached.
    expect(accepted).toBeGreaterThan(0);
  });

  it('golden.safetensors with one byte replaced', async () => {
    const header = 8 + Number(new DataView(safetensors.buffer).getBigUint64(0, true));
    // Most of the file is numbers, any of which may be anything; the header is what can be wrong.
    const outcomes = { read: 0, refused: 0 };
    await fc.assert(
      fc.asyncProperty(fc.nat(header), fc.nat(255), async (at, byte) => {
        const bytes = safetensors.slice();
        bytes[at] = byte;
        outcomes[(await refusedOrUsed('golden.safetensors', bytes)) ? 'read' : 'refused']++;
      }),
      { numRuns: 100 },
    );
    // A letter of a name can be another; most other changes cannot pass. Else one of the two ways was never tried.
    expect(outcomes.read).toBeGreaterThan(0);
    expect(outcomes.refused).toBeGreaterThan(0);
  });

  it('tensors of any type and shape under the names that are used', async () => {
    const sizes = { BOOL: 1, F8_E5M2: 1, BF16: 2, F32: 4, I64: 8, U64: 8, C64: 8 } as const;
    const tensor: fc.Arbitrary<Tensor> = fc
      .tuple(fc.constantFrom(...(Object.keys(sizes) as (keyof typeof sizes)[])), fc.array(fc.nat(3), { maxLength: 3 }))
      .map(([dtype, shape]) => ({
        dtype,
        shape,
        bytes: new Uint8Array(shape.reduce((product, size) => product * size, sizes[dtype])).fill(0x7f),
      }));
    const name = fc.constantFrom(
      'b4s12.input_ids',
      'b4s12.attention_mask',
      'b4s12.labels',
      'none.b4s12.logits',
      'none.b4s12.logits.f64',
      'none.b4s12.grad.',
      '__proto__',
      '.f64',
    );
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(name, tensor)), async (entries) => {
        expect(await refusedOrUsed('golden.safetensors', writeSafetensors(entries))).toBe(true);
      }),
    );
  });

  it('passes on what the reading function throws: a folder out of reach is no damaged fixture', async () => {
    const broken = new DataError('The network is down', { code: 'OFFLINE' });
    await expect(readFixture(FAMILY, [], () => Promise.reject(broken))).rejects.toBe(broken);
  });
});

/** A copy with the value at a random place replaced: the numbers choose the way down. */
function replaced(node: unknown, choices: Iterator<number>, value: unknown): unknown {
  const down = (choices.next().value as number) % 5 > 0;
  const keys = typeof node === 'object' && node !== null ? Object.keys(node) : [];
  if (!down || keys.length === 0) return value;
  const key = keys[(choices.next().value as number) % keys.length] as string;
  const copy = (Array.isArray(node) ? [...(node as unknown[])] : { ...(node as object) }) as Record<string, unknown>;
  copy[key] = replaced(copy[key], choices, value);
  return copy;
}
