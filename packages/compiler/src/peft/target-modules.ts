import { FAMILIES } from '../families/families.js';
import type { Family, ModuleRole, PeftModules } from '../families/family.js';

/** What a target module of a PEFT folder is, and where it sits, in the words of `SiteInfo`. */
export interface Target {
  readonly role: ModuleRole;
  readonly part: 'encoder' | 'decoder';
  readonly kind: 'self' | 'cross';
  /** Number within its part; `every` where one module serves all layers. */
  readonly layer: number | 'last' | 'every';
  /** Whether norms follow the residual sums, as in BERT, or stand in front of the blocks, as in T5. */
  readonly norms: PeftModules['norms'];
  /** The family of the model it is part of; absent where the model has no head, for then nothing tells. */
  readonly family?: Family;
  /** Path of the same module in another layer; undefined where it has no number. */
  readonly inLayer: (layer: number) => string | undefined;
}

const PATTERNS = FAMILIES.flatMap((family) => {
  if (family.peft === undefined) return [];
  const { basePrefix, norms, targets } = family.peft;
  return Object.entries(targets).map(([path, target]) => ({
    family,
    norms,
    path,
    target,
    pattern: new RegExp(`^(${basePrefix}\\.)?${path.replaceAll('.', '\\.').replace('#', '(\\d{1,4})')}$`),
  }));
});

/**
 * The target that a module is by its path in the model, `bert.encoder.layer.0.attention.output.dense` or without
 * `bert.`; undefined when it is none of ours.
 */
export function targetOf(module: string): Target | undefined {
  for (const { family, norms, path, target, pattern } of PATTERNS) {
    const match = pattern.exec(module);
    if (match === null) continue;
    const [, prefix, digits = '0'] = match;
    const number = Number(digits);
    // In front of the first attention stands a norm that follows no feed-forward.
    if (target.layer === 'previous' && number === 0) return undefined;
    return {
      role: target.role,
      part: target.part ?? 'encoder',
      kind: target.kind ?? 'self',
      layer: target.layer === 'previous' ? number - 1 : (target.layer ?? number),
      norms,
      ...(prefix === undefined ? {} : { family }),
      inLayer: (other) => (path.includes('#') ? `${prefix ?? ''}${path.replace('#', String(other))}` : undefined),
    };
  }
  return undefined;
}
