import * as v from 'valibot';
import type { Files } from '../files/files.js';
import type { Split } from '../model/batch.js';
import { sha256 } from '../files/digest.js';
import { FormatError, MismatchError } from '../errors.js';
import { GROUPS, type Group, type OptimizerState, type ParameterInfo } from '../model/model.js';
import { layout } from '../model/layout.js';
import { fromFloat32, readSafetensors, toFloat32, writeSafetensors, type Tensor } from '../files/safetensors.js';
import { planSchema, type Plan } from './schedule.js';
import { sha256Schema } from '../files/schemas.js';
import { parseJson, shorten, validate } from '../files/validate.js';

/** One finished epoch. */
export interface EpochRecord {
  readonly stage: string;
  /** Counted from 1, as everywhere but in `Checkpoint.position`. */
  readonly epoch: number;
  /** Mean training loss over the rows of the epoch. */
  readonly loss: number;
  /** On the dev split, if there is one. */
  readonly score?: number;
  readonly scores?: Readonly<Record<string, number>>;
  readonly devLoss?: number;
}

/** One finished stage. Loss and scores are those of the epoch whose parameters stand. */
export interface StageResult {
  readonly name: string;
  readonly groups: readonly Group[];
  /** Numbers trained. */
  readonly trainable: number;
  /** Epochs run; fewer than planned after early stopping. */
  readonly epochs: number;
  readonly steps: number;
  readonly bestEpoch: number;
  readonly loss: number;
  readonly score?: number;
  readonly scores?: Readonly<Record<string, number>>;
}

/** Everything needed to continue a run after a step as if it had never stopped. */
export interface Checkpoint {
  readonly plan: Plan;
  readonly dataFingerprint: string;
  /** What the caller says the run depends on besides plan and data: hash of the base model, site, … */
  readonly identity: Readonly<Record<string, string>>;
  readonly parameters: readonly Pick<ParameterInfo, 'name' | 'group' | 'shape'>[];
  /** Stages, epochs of the stage and steps of the epoch that are done. */
  readonly position: { readonly stage: number; readonly epoch: number; readonly step: number };
  /** Sum over the rows trained on in this epoch. */
  readonly epochLoss: { readonly sum: number; readonly rows: number };
  readonly epochsSinceBest: number;
  readonly history: readonly EpochRecord[];
  readonly stages: readonly StageResult[];
  /** Flat, all parameters. */
  readonly values: Float32Array;
  /** Absent between stages. */
  readonly optimizer?: OptimizerState;
  /** Best epoch of the current stage so far, with the parameters of the stage's groups if they are to be restored. */
  readonly best?: { readonly epoch: number; readonly score: number; readonly values?: Float32Array };
}

export const CHECKPOINT_FILE = 'checkpoint.json';
export const CHECKPOINT_TENSORS_FILE = 'checkpoint.safetensors';

const count = v.pipe(v.number(), v.safeInteger('an integer'), v.minValue(0, 'at least 0'));
const finite = v.pipe(v.number(), v.finite('a finite number'));
const groups = v.array(v.picklist(GROUPS));
const scores = v.record(v.string(), finite);

const schema = v.pipe(
  v.strictObject({
    formatVersion: v.literal(1),
    /** Ties the two files together: they are written one after the other. */
    tensorsSha256: sha256Schema,
    plan: planSchema,
    dataFingerprint: sha256Schema,
    identity: v.record(v.string(), v.string()),
    parameters: v.array(v.strictObject({ name: v.string(), group: v.picklist(GROUPS), shape: v.array(count) })),
    position: v.strictObject({ stage: count, epoch: count, step: count }),
    epochLoss: v.strictObject({ sum: finite, rows: count }),
    epochsSinceBest: count,
    history: v.array(
      v.strictObject({
        stage: v.string(),
        epoch: count,
        loss: finite,
        score: v.exactOptional(finite),
        scores: v.exactOptional(scores),
        devLoss: v.exactOptional(finite),
      }),
    ),
    stages: v.array(
      v.strictObject({
        name: v.string(),
        groups,
        trainable: count,
        epochs: count,
        steps: count,
        bestEpoch: count,
        loss: finite,
        score: v.exactOptional(finite),
        scores: v.exactOptional(scores),
      }),
    ),
    optimizer: v.exactOptional(v.strictObject({ groups, step: count })),
    best: v.exactOptional(v.strictObject({ epoch: count, score: finite })),
  }),
  v.check(({ plan, position: { stage, epoch, step } }) => {
    const current = plan.stages[stage];
    return current === undefined ? stage === plan.stages.length && epoch === 0 && step === 0 : epoch <= current.epochs;
  }, 'a position inside the plan'),
  v.check(({ position, stages }) => stages.length === position.stage, 'a result for every finished stage'),
  v.check(({ plan, position, history }) => {
    const epochs = history.filter(({ stage }) => stage === plan.stages[position.stage]?.name);
    return epochs.length === position.epoch && epochs.every(({ epoch }, i) => epoch === i + 1);
  }, 'a record for every finished epoch'),
  v.check(
    ({ position, best }) => best === undefined || (best.epoch >= 1 && best.epoch <= position.epoch),
    'a best epoch among the finished ones',
  ),
  v.check(({ position, epochLoss }) => position.step > 0 === epochLoss.rows > 0, 'losses of the steps done'),
);

/** The two files of a checkpoint. Write them to a new folder and rename it: a mixture of two checkpoints is refused. */
export async function encodeCheckpoint({
  values,
  optimizer,
  best,
  ...rest
}: Checkpoint): Promise<Record<string, Uint8Array>> {
  const tensors = new Map<string, Tensor>([['values', fromFloat32(values)]]);
  if (optimizer !== undefined)
    tensors.set('optimizer.first', fromFloat32(optimizer.first)).set('optimizer.second', fromFloat32(optimizer.second));
  if (best?.values !== undefined) tensors.set('best.values', fromFloat32(best.values));
  const bytes = writeSafetensors(tensors, [['format', 'hadamard-checkpoint']]);
  const json = {
    formatVersion: 1,
    tensorsSha256: await sha256(bytes),
    ...rest,
    parameters: rest.parameters.map(({ name, group, shape }) => ({ name, group, shape })),
    ...(optimizer === undefined ? {} : { optimizer: { groups: optimizer.groups, step: optimizer.step } }),
    ...(best === undefined ? {} : { best: { epoch: best.epoch, score: best.score } }),
  };
  return {
    [CHECKPOINT_FILE]: new TextEncoder().encode(`${JSON.stringify(json, undefined, 1)}\n`),
    [CHECKPOINT_TENSORS_FILE]: bytes,
  };
}

/**
 * Read a checkpoint.
 *
 * @param expected if given, what the run to continue looks like; see `checkCheckpoint`.
 * @throws FormatError CHECKPOINT when a file is missing, damaged, or not of the other one's checkpoint; MismatchError
 *   as `checkCheckpoint`.
 */
export async function decodeCheckpoint(files: Files, expected?: Partial<CheckpointTarget>): Promise<Checkpoint> {
  const what = CHECKPOINT_FILE;
  const code = 'CHECKPOINT';
  const json = parseJson(fileOf(files, CHECKPOINT_FILE), { what, code, maxBytes: 64 * 2 ** 20 });
  const {
    formatVersion: _,
    tensorsSha256,
    optimizer,
    best,
    ...rest
  } = validate(schema, json, { what, code, error: FormatError });
  const bytes = fileOf(files, CHECKPOINT_TENSORS_FILE);
  if ((await sha256(bytes)) !== tensorsSha256) {
    throw new FormatError('The two files of the checkpoint do not belong together', {
      code,
      found: `a ${CHECKPOINT_TENSORS_FILE} with another hash`,
      hint: 'Use an earlier checkpoint.',
    });
  }
  const { tensors } = readSafetensors(bytes, { maxHeaderBytes: 2 ** 20 });
  const numbers = (name: string, length: number): Float32Array => {
    const tensor = tensors.get(name);
    if (tensor?.dtype === 'F32' && tensor.bytes.length === 4 * length) return toFloat32(tensor);
    throw new FormatError(`Tensor ${name} of the checkpoint does not fit`, {
      code,
      found: tensor === undefined ? 'none' : `${tensor.dtype} [${tensor.shape.join(', ')}]`,
      expected: `F32 [${length}]`,
    });
  };
  const places = layoutOf(rest.parameters);
  const stage = rest.plan.stages[rest.position.stage];
  const checkpoint: Checkpoint = {
    ...rest,
    values: numbers('values', places.size),
    ...(optimizer === undefined
      ? {}
      : {
          optimizer: {
            ...optimizer,
            first: numbers('optimizer.first', places.sizeOfGroups(optimizer.groups)),
            second: numbers('optimizer.second', places.sizeOfGroups(optimizer.groups)),
          },
        }),
    ...(best === undefined
      ? {}
      : {
          best: {
            ...best,
            ...(tensors.has('best.values')
              ? { values: numbers('best.values', places.sizeOfGroups(stage?.groups ?? [])) }
              : {}),
          },
        }),
  };
  if (expected !== undefined) checkCheckpoint(checkpoint, expected);
  return checkpoint;
}

/** Parameters of a file, as opposed to those of a program: what is wrong with them is the file's fault. */
function layoutOf(parameters: Checkpoint['parameters']): ReturnType<typeof layout> {
  try {
    return layout(parameters);
  } catch (cause) {
    throw new FormatError('The parameters of the checkpoint make no sense', {
      code: 'CHECKPOINT',
      ...(cause instanceof Error ? { found: shorten(cause.message) } : {}),
      cause,
    });
  }
}

function fileOf(files: Files, name: string): Uint8Array {
  const bytes = Object.hasOwn(files, name) ? files[name] : undefined;
  if (bytes === undefined)
    throw new FormatError('The checkpoint is incomplete', {
      code: 'CHECKPOINT',
      found: `no ${name}`,
      expected: `${CHECKPOINT_FILE} and ${CHECKPOINT_TENSORS_FILE}`,
    });
  return bytes;
}

export interface CheckpointTarget {
  readonly plan: Plan;
  readonly dataFingerprint: string;
  readonly identity: Readonly<Record<string, string>>;
  readonly parameters: readonly ParameterInfo[];
}

/**
 * Refuse to continue a checkpoint in another run than its own.
 *
 * @throws MismatchError CHECKPOINT_PLAN, CHECKPOINT_DATA, CHECKPOINT_MODEL (parameters), CHECKPOINT_IDENTITY.
 */
export function checkCheckpoint(
  checkpoint: Checkpoint,
  { plan, dataFingerprint, identity, parameters }: Partial<CheckpointTarget>,
): void {
  if (plan !== undefined) checkSame('plan', 'CHECKPOINT_PLAN', plan, checkpoint.plan);
  if (dataFingerprint !== undefined) checkSame('data', 'CHECKPOINT_DATA', dataFingerprint, checkpoint.dataFingerprint);
  if (identity !== undefined) checkSame('identity', 'CHECKPOINT_IDENTITY', identity, checkpoint.identity);
  if (parameters !== undefined) {
    const shapes = (list: Checkpoint['parameters']): Record<string, string> =>
      Object.fromEntries(list.map(({ name, group, shape }) => [name, `${group} [${shape.join(', ')}]`]));
    checkSame('parameters', 'CHECKPOINT_MODEL', shapes(parameters), shapes(checkpoint.parameters));
  }
}

function checkSame(what: string, code: string, found: unknown, expected: unknown): void {
  const [now, then] = [flatten(found), flatten(expected)];
  for (const key of new Set([...then.keys(), ...now.keys()])) {
    if (now.get(key) === then.get(key)) continue;
    throw new MismatchError(`The checkpoint belongs to a run with other ${what}`, {
      code,
      found: shorten(`${key}${now.get(key) ?? 'nothing'}`),
      expected: shorten(`${key}${then.get(key) ?? 'nothing'}`),
      hint: 'Continue with the same settings and data, or start anew.',
    });
  }
}

/** Leaves of a JSON value by path. */
function flatten(value: unknown, path = ''): Map<string, string> {
  if (typeof value !== 'object' || value === null)
    return new Map([[path === '' ? '' : `${path} = `, JSON.stringify(value) ?? 'undefined']]);
  return new Map(
    Object.entries(value).flatMap(([key, part]) => [...flatten(part, path === '' ? key : `${path}.${key}`)]),
  );
}

/**
 * Identity of the data of a run: lengths and labels of all rows, and the tokens of up to 64 rows of each split, which
 * change with text or tokenizer.
 *
 * @returns 64 hexadecimal digits.
 */
export async function dataFingerprint(splits: readonly (Split | undefined)[]): Promise<string> {
  const parts: string[] = [];
  for (const split of splits) {
    if (split === undefined) {
      parts.push('none');
      continue;
    }
    const every = Math.max(1, Math.ceil(split.size / 64));
    const sample =
      split.size === 0
        ? new Int32Array()
        : split.batch(Int32Array.from({ length: Math.ceil(split.size / every) }, (_, i) => i * every)).inputIds;
    parts.push(split.id, String(split.size));
    for (const numbers of [split.lengths, split.labels ?? new Float32Array(), sample])
      parts.push(await sha256(new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength)));
  }
  return sha256(new TextEncoder().encode(JSON.stringify(parts)));
}
