import { MismatchError, UnsupportedError, type Norm, type Site } from '@hadamard-adapter/core';
import { viewOf } from '@hadamard-adapter/graph/internal';
import type { ModuleRole } from '../families/family.js';
import type { ServingBase } from '../serving/adapter.js';
import type { SiteInfo } from '../sites/sites.js';
import type { PeftConfig } from './config.js';
import { checkNorm, sitesOf } from './locate.js';
import { listed, refuseTensors } from './refuse.js';
import { scaleOf } from './scale.js';
import type { Target } from './target-modules.js';
import { valuesOf, type PeftTensor } from './tensors.js';

/** What was trained, by where it belongs in the base. */
export interface Trained {
  readonly site: Site;
  readonly norm: Norm;
  readonly sites: readonly SiteInfo[];
  /** Scales of adapters, by key of the site. */
  readonly scales: ReadonlyMap<string, Float32Array>;
  /** Scales and shifts of norms, by the tensor of the base that they replace. */
  readonly norms: ReadonlyMap<string, Float32Array>;
}

/**
 * Numbers of a PEFT folder by the sites and norms of the base that they belong to.
 *
 * @throws MismatchError PEFT_LAYERS, PEFT_SHAPE, PEFT_NORMS, PEFT_SITE; UnsupportedError PEFT_SITE when vectors
 *   multiply different sides, PEFT_TENSOR when two belong to one place; FormatError PEFT_VALUES.
 */
export function readTrained(base: ServingBase, config: PeftConfig, known: readonly [PeftTensor, Target][]): Trained {
  const view = viewOf(base.canonical.graph);
  const found = new Set<SiteInfo>();
  const sides = new Map<Site, string>();
  const scales = new Map<string, Float32Array>();
  const norms = new Map<string, Float32Array>();
  const roles = new Set<ModuleRole>();
  // Families call one place by different names: whoever comes second is refused.
  const owners = new Map<string, string>();
  const claim = (where: string, { name }: PeftTensor): void => {
    const owner = owners.get(where) ?? name;
    if (owner !== name) refuseTensors([owner, name], 'one tensor for each place');
    owners.set(where, name);
  };
  for (const [tensor, target] of known) {
    roles.add(target.role);
    for (const site of sitesOf(base, tensor.module, target)) {
      found.add(site);
      if (target.role === 'adapter') {
        const { side, values } = scaleOf(tensor, site.channels, config);
        claim(`adapter ${site.key}`, tensor);
        sides.set(side, tensor.name);
        scales.set(site.key, values);
      } else {
        checkNorm(view, target.norms, site);
        const [source, dims] = normTensor(base, site, target.role, tensor);
        claim(`norm ${source}`, tensor);
        norms.set(source, valuesOf(tensor, dims));
      }
    }
  }
  if (sides.size > 1) {
    throw new UnsupportedError('The PEFT adapter multiplies inputs of some projections and outputs of others', {
      code: 'PEFT_SITE',
      found: listed([...sides.values()]),
      expected: 'one side of the projection for all',
      hint: 'Train with feedforward_modules that hold all target_modules, or none.',
    });
  }
  return { site: [...sides.keys()][0] ?? 'context', norm: normOf(roles), sites: [...found], scales, norms };
}

function normOf(roles: ReadonlySet<ModuleRole>): Norm {
  const [attention, output] = [roles.has('attention_norm'), roles.has('output_norm')];
  return attention && output ? 'both' : attention ? 'attention' : output ? 'output' : 'none';
}

/** The tensor of the base that one of a trained norm replaces, and its shape. */
function normTensor(
  { canonical: { graph } }: ServingBase,
  site: SiteInfo,
  role: Exclude<ModuleRole, 'adapter'>,
  { name, part }: PeftTensor,
): [string, readonly number[]] {
  const node = role === 'attention_norm' ? site.attentionNorm : site.outputNorm;
  const source = node?.inputs[part === 'weight' ? 1 : 2] ?? '';
  const dims = graph.tensors.get(source)?.dims;
  if (dims === undefined)
    throw new MismatchError('The base model has no such norm', {
      code: 'PEFT_NORMS',
      found: `${node === undefined ? 'no norm' : `a norm without ${part}`} at ${site.key}`,
      expected: `a place for ${name}`,
    });
  return [source, dims];
}
