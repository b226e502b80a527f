import { MismatchError, shorten } from '@hadamard-adapter/core';
import type { Node, Tensor, View } from '@hadamard-adapter/graph/internal';
import type { ServingBase } from '../serving/adapter.js';
import type { SiteInfo } from '../sites/sites.js';
import type { PeftConfig } from './config.js';
import { targetOf, type Target } from './target-modules.js';

type Base = Pick<ServingBase, 'canonical' | 'sites'>;

const partOf = ({ key }: SiteInfo): Target['part'] => (key.startsWith('decoder.') ? 'decoder' : 'encoder');

/** The sites of one part and kind, by number of the layer. */
const sitesIn = (sites: readonly SiteInfo[], { part, kind }: Pick<Target, 'part' | 'kind'>): SiteInfo[] =>
  sites.filter((site) => site.kind === kind && partOf(site) === part);

/**
 * The sites of the base that a module serves: one, or all where the layers share it.
 *
 * @throws MismatchError PEFT_LAYERS when the base has no such layer, or does not share what the adapter's base shared.
 */
export function sitesOf({ canonical, sites }: Base, module: string, target: Target): SiteInfo[] {
  const layers = sitesIn(sites, target);
  if (target.layer === 'every') {
    if (!shareNorm(canonical.graph.tensors, layers))
      throw layersError(
        module,
        `${layers.length} layers with norms of their own`,
        'one layer that is applied several times, as in ALBERT',
      );
    return layers;
  }
  const found = layers.at(target.layer === 'last' ? -1 : target.layer);
  if (found === undefined)
    throw layersError(
      module,
      layers.length === 0
        ? `no ${target.kind}-attention in ${target.part === 'decoder' ? 'a decoder' : 'an encoder'}`
        : `layers 0 to ${layers.length - 1}`,
      `layer ${target.layer}`,
    );
  return [found];
}

/**
 * One scale behind the attention of all layers. Equal bytes will do: scales of a model that was never trained are kept
 * apart.
 */
function shareNorm(tensors: ReadonlyMap<string, Tensor>, sites: readonly SiteInfo[]): boolean {
  const scales = sites.map(({ attentionNorm }) => tensors.get(attentionNorm?.inputs[1] ?? '')?.bytes);
  const [first] = scales;
  return (
    first !== undefined &&
    scales.every((bytes) => bytes?.length === first.length && bytes.every((byte, i) => byte === first[i]))
  );
}

/**
 * Refuse the adapter of a smaller base: where modules were chosen by the ends of their names, every layer of the base
 * that it was trained on is in the folder.
 *
 * @throws MismatchError PEFT_LAYERS.
 */
export function checkNoLayerMissing(
  { sites }: Base,
  { target_modules: targets, exclude_modules: excluded }: PeftConfig,
  trained: ReadonlyMap<string, Target>,
): void {
  if (!Array.isArray(targets) || (excluded?.length ?? 0) > 0) return;
  for (const [module, target] of trained) {
    for (let layer = 0; layer < sitesIn(sites, target).length; layer++) {
      const other = target.inLayer(layer);
      if (
        other === undefined ||
        trained.has(other) ||
        targetOf(other) === undefined ||
        !targets.some((name) => other === name || other.endsWith(`.${name}`))
      )
        continue;
      throw layersError(
        module,
        `a layer ${layer}`,
        'no layer besides those of the adapter, for its target_modules ' +
          `${JSON.stringify(shorten(targets.join(', ')))} would have chosen it`,
      );
    }
  }
}

/**
 * Refuse a base whose norms stand elsewhere than the names of the adapter say: BART and mBART differ in nothing else.
 * Nobody but the norm reads a residual sum that it follows; where it stands in front of a block, the next sum reads it
 * too.
 *
 * @throws MismatchError PEFT_NORMS.
 */
export function checkNorm(view: View, expected: Target['norms'], { key, attentionNorm }: SiteInfo): void {
  const found = attentionNorm === undefined ? expected : normStands(view, attentionNorm);
  if (found === expected) return;
  const said = { behind: 'norms behind the residual sums', before: 'norms in front of the blocks' };
  throw new MismatchError('The norms of the base model stand elsewhere than those that the PEFT adapter trained', {
    code: 'PEFT_NORMS',
    found: `${said[found]} at ${key}`,
    expected: said[expected],
    hint: 'It was trained on a model of another kind.',
  });
}

function normStands(view: View, norm: Node): Target['norms'] {
  const sum = norm.inputs[0] as string;
  return view.consumers(sum).some((node) => node !== norm && node.op !== 'Shape') ? 'before' : 'behind';
}

function layersError(module: string, found: string, expected: string): MismatchError {
  return new MismatchError(`The base model has other layers than the one that the PEFT adapter was trained on`, {
    code: 'PEFT_LAYERS',
    found,
    expected,
    hint: `The adapter has ${shorten(module, 120)}.`,
  });
}
