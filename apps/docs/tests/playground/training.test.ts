import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEFAULTS, type Settings } from '../../src/playground/settings.js';
import { trainInNode } from './support/node-run.js';
import {
  finished,
  mainButton,
  noChromium,
  openPlayground,
  openStage,
  reach,
  scores,
  set,
  type Stage,
} from './support/playground.js';

describe.skipIf(noChromium !== undefined)('training on the example texts', () => {
  let stage: Stage;
  beforeAll(async () => void (stage = await openStage()));
  afterAll(() => stage.close());

  const reachesNode = async (settings: Settings): Promise<void> => {
    const inNode = trainInNode(settings);
    const { page, context, faults } = await openPlayground(stage);
    // WebGPU is tried behind the loading of the page, and fetches a build of ONNX Runtime that training on WASM can do
    // without.
    await page.getByText('it is being tried').waitFor({ state: 'detached', timeout: 90_000 });
    await context.setOffline(true);
    const asked: string[] = [];
    page.on('request', (request) => asked.push(request.url()));
    await set(page, { adapterEpochs: settings.adapterEpochs });
    await mainButton(page).click();
    await reach(page, 2, 2);
    await mainButton(page).click();
    await page.getByRole('button', { name: 'Continue' }).waitFor();
    const stopped = await page.getByTestId('progress').textContent();
    expect(stopped).toMatch(/Stage 2 of 2, adapter: stopped in epoch \d+ of \d+/);
    await mainButton(page).click();
    await finished(page);

    const [found, expected] = [await scores(page), await inNode];
    console.log(
      `right of 192: Node ${JSON.stringify(expected)}, the page ${JSON.stringify(found)}; ` +
        `${await page.getByTestId('finished').textContent()}`,
    );
    expect(found['majority']).toBe(32);
    for (const name of ['classifier', 'adapter'])
      expect(Math.abs((found[name] ?? 0) - (expected[name] ?? 0)), name).toBeLessThanOrEqual(1);
    // A curve for every step, a table of every epoch, and a map of every layer.
    await page.getByText('Epochs as a table').click();
    expect(await page.locator('.pg-curve tbody tr').count()).toBe(settings.classifierEpochs + settings.adapterEpochs);
    expect(await page.getByRole('img', { name: /Loss by step. Stage 1: training loss/ }).count()).toBe(1);
    expect(await page.getByRole('img', { name: /by layer and channel. Layer 1 at most/ }).count()).toBe(2);

    await page.locator('#pg-typed').fill('Peel the potatoes and boil them in salted water.');
    await page.getByRole('button', { name: 'Classify' }).click();
    const best = page.getByTestId('answer').locator('tbody tr').first();
    expect(await best.locator('th').textContent()).toBe('food');
    const [adapted, plain] = await best.locator('td').allTextContents();
    expect(adapted).not.toBe(plain);
    expect(faults).toEqual([]);
    expect(asked).toEqual([]);
  };

  it('reaches the accuracy of Node in a part of the epochs: offline, stopped and continued on the way', () =>
    reachesNode({ ...DEFAULTS, adapterEpochs: 3 }));
  it('reaches the accuracy of Node in all epochs', { tags: ['all'] }, () => reachesNode(DEFAULTS));
});
