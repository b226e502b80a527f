import type { Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  finished,
  mainButton,
  noChromium,
  openPlayground,
  openStage,
  paste,
  reach,
  scores,
  set,
  smallTable,
  type Stage,
} from './support/playground.js';

/** A run that the software adapter bears: seconds of shader compilation, then a second or so a step. */
async function prepare(page: Page): Promise<void> {
  await page.locator('input[value=webgpu]').check({ timeout: 60_000 });
  await paste(page, smallTable(10));
  await set(page, { batchSize: 4, classifierEpochs: 1, adapterEpochs: 2 });
  await page.getByTestId('data').waitFor();
}

describe.skipIf(noChromium !== undefined)('WebGPU, on the software adapter', () => {
  let stage: Stage;
  beforeAll(async () => void (stage = await openStage()));
  afterAll(() => stage.close());

  it('completes a shortened run; a device that disappears for good leaves a run that goes on elsewhere', async () => {
    const { page, faults } = await openPlayground(stage);
    await prepare(page);
    await mainButton(page).click();
    await finished(page);
    expect(Object.keys(await scores(page))).toEqual(['majority', 'classifier', 'adapter']);
    expect(await page.getByRole('img', { name: /Loss by step. Stage 1: training loss \d/ }).count()).toBe(1);

    const worker = page.workers().find((each) => each.url().includes('model.worker'));
    await worker?.evaluate(() => {
      const made: GPUDevice[] = [];
      const original = GPUAdapter.prototype.requestDevice;
      GPUAdapter.prototype.requestDevice = async function (descriptor) {
        const device = await original.call(this, descriptor);
        made.push(device);
        return device;
      };
      (globalThis as { unplug?: () => void }).unplug = () => {
        navigator.gpu.requestAdapter = async () => null;
        for (const device of made) device.destroy();
      };
    });
    await mainButton(page).click();
    await reach(page, 2, 1);
    await worker?.evaluate(() => (globalThis as { unplug?: () => void }).unplug?.());
    const complaint = page.locator('[data-code=DEVICE_LOST]');
    await complaint.waitFor({ timeout: 60_000 });
    expect(await complaint.textContent()).toContain('The last step is kept: choose a device and press Continue.');
    expect(await page.locator('input[value=wasm]').isChecked()).toBe(true);
    expect(await page.getByText('WebGPU cannot be used here').count()).toBe(1);
    await page.getByRole('button', { name: 'Continue' }).click();
    await finished(page);
    expect(faults).toEqual([]);
  });
});
