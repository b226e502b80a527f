import {
  evaluate,
  layout,
  sequentialBatches,
  type Metric,
  type ParameterInfo,
  type Split,
} from '@hadamard-adapter/core';
import { adapterValues, checkAdapterMatches, type AdapterConfig } from '@hadamard-adapter/core/folder';
import {
  keepLayers,
  scoreOnce,
  type LayerParameter,
  type LayerScore,
  type ScoreLayers,
} from '@hadamard-adapter/core/analysis';
import { chooseNorms, chooseSites } from '@hadamard-adapter/compiler/internal';
import { elementAt } from '@hadamard-adapter/core/internal';
import type { SessionOptions } from '@hadamard-adapter/runtime/internal';
import { loadModel, optionsForAdapter, type AdapterSession } from '@hadamard-adapter/onnxruntime';
import { type DeviceFlags, deviceOf, type ModelFolder } from '@hadamard-adapter/cli/internal';
import type { Run } from './runs.js';

/** Labelled rows to score a run on. */
export interface ScoredData {
  readonly split: Split;
  readonly metric: Metric;
}

/** A run on its base model, whose numbers can be exchanged for any others of the same layout. */
export interface Scorer extends ScoredData {
  readonly run: Run;
  /** Runs of one kind share it, so its numbers may be those of another run. */
  readonly session: AdapterSession;
  readonly parameters: readonly LayerParameter[];
  /** The run's numbers, flat. */
  readonly own: Float32Array;
  /** The same classifier on the bare model: w = 1, b = 0, norms as they were. */
  readonly base: Float32Array;
  score(values: Float32Array): Promise<LayerScore>;
  /** Scores of the run's adapter on some of its layers, each set once. */
  readonly scoreLayers: ScoreLayers;
  /** Mean gradient of the loss over the rows with respect to the adapters of all layers, flat. */
  gradients(values: Float32Array): Promise<Float32Array>;
  /** Tensors of the adapter on some layers, by the names that they have in its file. */
  tensorsOf(layers: readonly number[]): readonly PlacedTensor[];
}

/** A tensor of an adapter file, and the parameter of the session that it is for. */
export interface PlacedTensor {
  readonly name: string;
  readonly parameter: LayerParameter;
}

/**
 * Base models with adapters on all layers: one for each kind of classifier, loaded when it is first needed. Where
 * layers share a norm (ALBERT), it is trained in layers that have an adapter and the base's in the others, so that each
 * set of layers is a model of its own.
 */
export interface Scorers {
  /** @throws MismatchError when the adapter is not of this base model. */
  of(run: Run, data: ScoredData): Promise<Scorer>;
  dispose(): Promise<void>;
}

interface Loaded {
  readonly session: AdapterSession;
  /** Before anything was loaded into it, flat. */
  readonly fresh: Float32Array;
  readonly parameters: readonly LayerParameter[];
  tensorsOf(layers: readonly number[]): readonly PlacedTensor[];
}

export function openScorers(folder: ModelFolder, flags: DeviceFlags): Scorers {
  const loaded = new Map<string, Promise<Loaded>>();
  const load: LoadLayers = (options, layers) =>
    loadModel({ graph: folder.graph }, { ...options, ...(layers === undefined ? {} : { layers }), ...deviceOf(flags) });
  const once = (options: SessionOptions, layers?: readonly number[]): Promise<Loaded> => {
    const key = JSON.stringify({ ...options, layers });
    const found =
      loaded.get(key) ??
      load(options, layers).then(async (session) => ({ session, fresh: await session.read(), ...placesIn(session) }));
    loaded.set(key, found);
    return found;
  };
  return {
    async of(run, data) {
      const options = onAllLayers(run.adapter.config);
      const whole = await once(options);
      const { layers, num_layers } = run.adapter.config;
      return scorerOf(
        run,
        data,
        sharesNorms(whole) && layers.length < num_layers ? await once(options, layers) : whole,
        load,
      );
    },
    async dispose() {
      for (const each of await Promise.allSettled(loaded.values()))
        if (each.status === 'fulfilled') await each.value.session.dispose();
    },
  };
}

function onAllLayers(config: AdapterConfig): SessionOptions {
  const { layers: _, ...options } = optionsForAdapter(config);
  return options;
}

/** Loads the base with adapters on some layers, or on all. */
type LoadLayers = (options: SessionOptions, layers?: readonly number[]) => Promise<AdapterSession>;

const sharesNorms = ({ parameters }: Pick<Loaded, 'parameters'>): boolean =>
  parameters.some(({ layers }) => layers.length > 1);

async function scorerOf(
  run: Run,
  { split, metric }: ScoredData,
  { session, fresh, parameters, tensorsOf }: Loaded,
  load: LoadLayers,
): Promise<Scorer> {
  const { config, tensors } = run.adapter;
  const places = layout(parameters);
  const placed = [
    ...parameters.flatMap((parameter) =>
      parameter.group === 'classifier' ? [{ name: parameter.name, parameter }] : [],
    ),
    ...tensorsOf(config.layers),
  ];
  const inFile = placed.map(({ name, parameter: { group, shape } }): ParameterInfo => ({ name, group, shape }));
  checkAdapterMatches(config, inFile, tensors, {
    baseDigest: await session.baseDigest(),
    hiddenSize: session.compiled.canonical.hiddenSize,
    numLayers: new Set(session.compiled.sites.map(({ layer }) => layer)).size,
    site: config.site,
    norm: config.norm,
    crossAttention: config.cross_attention ?? false,
    layers: config.layers,
  });
  const own = fresh.slice();
  placed.forEach(({ parameter }, i) =>
    own.set(adapterValues([elementAt(inFile, i)], tensors), places.offset(parameter.name)),
  );
  const base = fresh.slice();
  for (const { name, group } of parameters)
    if (group === 'classifier') base.set(places.slice(own, name), places.offset(name));

  const scoreWith = async (model: AdapterSession, values: Float32Array): Promise<LayerScore> => {
    await model.write(values);
    const { score: value, loss } = await evaluate(model, split, metric);
    return { score: value, loss };
  };
  const score = (values: Float32Array): Promise<LayerScore> => scoreWith(session, values);
  const scoreReloaded = async (kept: readonly number[]): Promise<LayerScore> => {
    const model = await load(onAllLayers(config), kept);
    try {
      const names = new Map(tensorsOf(kept).map(({ name, parameter }) => [name, parameter.name]));
      const placesThere = layout(model.parameters);
      const values = await model.read();
      for (const { name } of model.parameters)
        values.set(places.slice(own, names.get(name) ?? name), placesThere.offset(name));
      return await scoreWith(model, values);
    } finally {
      await model.dispose();
    }
  };
  const scoreLayers: ScoreLayers = (kept) =>
    sharesNorms({ parameters }) && kept.length > 0 && kept.length < config.layers.length
      ? scoreReloaded(kept)
      : score(keepLayers(parameters, own, base, kept));
  return {
    run,
    session,
    parameters,
    split,
    metric,
    own,
    base,
    score,
    scoreLayers: scoreOnce(scoreLayers),
    async gradients(values) {
      await session.write(values);
      const mean = new Float64Array(places.sizeOfGroups(['adapter']));
      for (const rows of sequentialBatches(split.lengths, 32)) {
        const { gradients } = await session.gradients(split.batch(rows), ['adapter']);
        const weight = rows.length / split.size;
        gradients.forEach((value, i) => (mean[i] = elementAt(mean, i) + weight * value));
      }
      return Float32Array.from(mean);
    },
    tensorsOf,
  };
}

/** Which layers each parameter of a session belongs to, and what an adapter on some of them calls it. */
function placesIn({
  parameters,
  compiled: { sites, options },
}: AdapterSession): Pick<Loaded, 'parameters' | 'tensorsOf'> {
  const chosen = chooseSites(sites, options);
  const layerOf = new Map(chosen.map(({ key, layer }) => [key, layer]));
  // A norm that layers share is one parameter, under the name of the first layer that is adapted.
  const norms = chosen.flatMap((site) =>
    chooseNorms(site, options.norm).flatMap(({ node, prefix }) =>
      node.inputs
        .slice(1)
        .map((source, i) => ({ layer: site.layer, source, name: `${prefix}.${i === 0 ? 'weight' : 'bias'}` })),
    ),
  );
  const placed = parameters.map((parameter): LayerParameter => {
    if (parameter.group === 'norm')
      return {
        ...parameter,
        layers: [...new Set(norms.flatMap(({ source, layer }) => (source === parameter.source ? [layer] : [])))],
      };
    const own = parameter.group === 'adapter' ? layerOf.get(parameter.name.replace(/\.adapter\.\w+$/, '')) : undefined;
    return { ...parameter, layers: own === undefined ? [] : [own] };
  });
  const bySource = new Map(
    placed.flatMap((parameter) =>
      parameter.group === 'norm' && parameter.source !== undefined ? [[parameter.source, parameter] as const] : [],
    ),
  );
  return {
    parameters: placed,
    tensorsOf(layers) {
      const adapters = placed.filter(
        ({ group, layers: own }) => group === 'adapter' && own.some((layer) => layers.includes(layer)),
      );
      const named = new Map<LayerParameter, string>();
      for (const { layer, source, name } of norms) {
        const parameter = bySource.get(source);
        if (parameter !== undefined && layers.includes(layer) && !named.has(parameter)) named.set(parameter, name);
      }
      return [
        ...adapters.map((parameter) => ({ name: parameter.name, parameter })),
        ...[...named].map(([parameter, name]) => ({ name, parameter })),
      ];
    },
  };
}
