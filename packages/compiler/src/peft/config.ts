import { FormatError, UnsupportedError, parseJson, shorten, validate, type Files } from '@hadamard-adapter/core';
import { ADAPTER_CONFIG_FILE } from '@hadamard-adapter/core/folder';
import * as v from 'valibot';

/** The methods of PEFT whose trained tensors are vectors at places that this project has too. */
const METHODS = ['IA3', 'LN_TUNING'] as const;

const text = v.pipe(v.string(), v.maxLength(1000, 'at most 1000 characters'));
/** Names of modules, or a regular expression of Python. */
const modules = v.nullish(v.union([text, v.pipe(v.array(text), v.maxLength(1000, 'at most 1000 names'))]));
const schema = v.object({
  peft_type: v.picklist(METHODS),
  peft_version: v.nullish(text),
  base_model_name_or_path: v.nullish(text),
  task_type: v.nullish(text),
  target_modules: modules,
  exclude_modules: modules,
  feedforward_modules: modules,
});

/** What is read of the `adapter_config.json` of PEFT. */
export type PeftConfig = v.InferOutput<typeof schema>;

const WHAT = "PEFT's adapter_config.json";
const LIMITS = { what: WHAT, code: 'PEFT_CONFIG', maxBytes: 16 * 2 ** 20 };
const typed = v.object({ peft_type: v.string() });

/** A file of a folder; names such as `constructor` are none. */
export const fileOf = (files: Files, name: string): Uint8Array | undefined =>
  Object.hasOwn(files, name) ? files[name] : undefined;

/**
 * Whether a folder holds an adapter of another method of PEFT than ours, readable or not: `fromPeft` converts it, or
 * says why it cannot. Throws nothing: what is damaged is for its reader to report.
 */
export function isPeftFolder(files: Files): boolean {
  const bytes = fileOf(files, ADAPTER_CONFIG_FILE);
  if (bytes === undefined) return false;
  try {
    const config = v.safeParse(typed, parseJson(bytes, LIMITS));
    return config.success && config.output.peft_type !== 'HADAMARD';
  } catch {
    return false;
  }
}

/**
 * Read PEFT's `adapter_config.json`.
 *
 * @throws FormatError PEFT_FILE when there is none, PEFT_CONFIG when it is damaged; UnsupportedError PEFT_TYPE for a
 *   method other than IA³ and LN tuning.
 */
export function readPeftConfig(files: Files): PeftConfig {
  const bytes = fileOf(files, ADAPTER_CONFIG_FILE);
  if (bytes === undefined)
    throw new FormatError('The PEFT folder is incomplete', {
      code: 'PEFT_FILE',
      found: `no ${ADAPTER_CONFIG_FILE}`,
      expected: 'what save_pretrained of PEFT writes',
    });
  const json = parseJson(bytes, LIMITS);
  const { peft_type: type } = validate(typed, json, { what: WHAT, code: 'PEFT_CONFIG', error: FormatError });
  if (!METHODS.some((method) => method === type)) {
    throw new UnsupportedError('Adapters of this PEFT method are not read', {
      code: 'PEFT_TYPE',
      found: JSON.stringify(shorten(type, 40)),
      expected: METHODS.map((method) => JSON.stringify(method)).join(' or '),
      hint: 'Fold it into the model in Python with merge_and_unload(), export that, and use it as a base.',
    });
  }
  return validate(schema, json, { what: WHAT, code: 'PEFT_CONFIG', error: FormatError });
}
