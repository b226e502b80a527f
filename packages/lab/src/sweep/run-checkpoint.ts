import {
  CHECKPOINT_FILE,
  CHECKPOINT_TENSORS_FILE,
  FormatError,
  HadamardError,
  decodeCheckpoint,
  encodeCheckpoint,
  parseJson,
  validate,
  type Checkpoint,
  type CheckpointTarget,
  type Files,
} from '@hadamard-adapter/core';
import * as v from 'valibot';

const TIME_FILE = 'time.json';

/** The files that a run keeps while it goes on. */
export const RUN_CHECKPOINT_FILES = [CHECKPOINT_FILE, CHECKPOINT_TENSORS_FILE, TIME_FILE] as const;

const schema = v.strictObject({ seconds: v.pipe(v.number(), v.finite(), v.minValue(0)) });

/** A checkpoint with the seconds that all processes have worked for it. */
export async function encodeRunCheckpoint(checkpoint: Checkpoint, seconds: number): Promise<Files> {
  return {
    ...(await encodeCheckpoint(checkpoint)),
    [TIME_FILE]: new TextEncoder().encode(`${JSON.stringify({ seconds })}\n`),
  };
}

/** @returns undefined when it cannot be read or is of another run: that is as good as none, the run starts anew. */
export async function decodeRunCheckpoint(
  files: Files,
  expected: Partial<CheckpointTarget>,
): Promise<{ readonly checkpoint: Checkpoint; readonly seconds: number } | undefined> {
  try {
    return { checkpoint: await decodeCheckpoint(files, expected), seconds: secondsOf(files) };
  } catch (error) {
    if (error instanceof HadamardError) return undefined;
    throw error;
  }
}

/** 0 for checkpoints of earlier versions, which did not know. */
function secondsOf({ [TIME_FILE]: bytes }: Files): number {
  if (bytes === undefined) return 0;
  const [what, code] = [TIME_FILE, 'CHECKPOINT'];
  return validate(schema, parseJson(bytes, { what, code, maxBytes: 1024 }), { what, code, error: FormatError }).seconds;
}
