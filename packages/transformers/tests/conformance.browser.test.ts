import * as transformers from '@huggingface/transformers';
import { runSuite, type Driver, type ModelSource } from '@hadamard-adapter/conformance';
import { conformanceDriver, webPlatform } from '@hadamard-adapter/onnxruntime/conformance';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { families, fetchFixture } from '../../conformance/tests/support/in-browser.js';
import { libraryDriver } from './library-driver.js';

/** No address of the page's server: what is not in the cache is nowhere. */
const HUB = '/hub-of-fixtures/';
const TOKENIZER = ['tokenizer.json', 'tokenizer_config.json'];

/** What the cache of transformers.js holds: fixtures in the layout of the hub. */
const kept = new Map<string, Uint8Array | string>();
const asked = new Set<string>();

beforeAll(async () => {
  const customCache = {
    match: async (key: string): Promise<Response | undefined> => {
      asked.add(key);
      const found = kept.get(key);
      return found === undefined ? undefined : new Response(found as BodyInit);
    },
    put: async () => undefined,
  };
  Object.assign(transformers.env, {
    allowRemoteModels: false,
    allowLocalModels: true,
    localModelPath: HUB,
    useBrowserCache: false,
    useCustomCache: true,
    customCache,
  });
  // It has to be there; the suite brings token ids.
  for (const name of TOKENIZER) kept.set(name, await (await fetch(`/packages/cli/assets/mini-bert/${name}`)).text());
});
beforeEach(() => asked.clear());

function driverOn(device: string): Driver {
  const asRepository = ({ family, model, config }: ModelSource): { id: string; dtype: 'fp32' } => {
    const files = {
      'config.json': JSON.stringify(config),
      'onnx/model.onnx': model,
      ...Object.fromEntries(TOKENIZER.map((name) => [name, kept.get(name) as string])),
    };
    for (const [name, content] of Object.entries(files)) kept.set(`${HUB}${family}/${name}`, content);
    return { id: family, dtype: 'fp32' };
  };
  return libraryDriver({
    library: transformers,
    device,
    plain: conformanceDriver(webPlatform, device, { onNotice: () => undefined }),
    asRepository,
  });
}

async function conforms(device: string, family: string, key: string): Promise<void> {
  const { failures, passed } = await runSuite(driverOn(device), [await fetchFixture(family, 'model.onnx')], {
    variants: ['model.onnx'],
    key,
  });
  expect(failures).toEqual([]);
  expect(passed).toBeGreaterThan(0);
  // Nothing was tested if the driver went another way.
  expect([...asked]).toContain(`${HUB}${family}/config.json`);
}

/**
 * Gradients are those of the session alone, which the suite of onnxruntime runs here; the other cases make seven
 * sessions, too many for the larger graphs.
 */
const WHOLE = new Set(['bert', 'distilbert', 'electra', 'roberta', 't5-encoder']);

describe('the conformance suite through transformers.js on wasm', () => {
  it.each(families)('%s', async (family) => {
    await conforms('wasm', family, 'logits/*/context*');
    if (WHOLE.has(family)) await conforms('wasm', family, '*/context');
  });
});

/**
 * Shaders are compiled in software, seconds for every graph: one shape of two families that have the fewest operators
 * in common.
 */
describe('the conformance suite through transformers.js on webgpu', () => {
  it.each(['bert', 'modernbert'])('%s', (family) => conforms('webgpu', family, 'logits/*/context/b4s12'));
});
