import { readFileSync } from 'node:fs';
import { unzipSync } from 'fflate';
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
  set,
  smallTable,
  type Stage,
} from './support/playground.js';

/** What the page gives to download, unpacked. */
async function adapter(page: Page): Promise<Record<string, Uint8Array>> {
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Download' }).click(),
  ]);
  expect(download.suggestedFilename()).toBe('hadamard-the-pasted-table.zip');
  return unzipSync(readFileSync(await download.path()));
}

async function prepare(page: Page): Promise<void> {
  await paste(page, smallTable(50));
  await set(page, { batchSize: 4, classifierEpochs: 2, adapterEpochs: 5 });
  await page.getByTestId('data').waitFor();
}

describe.skipIf(noChromium !== undefined)('a tab that is closed in the middle of training', () => {
  let stage: Stage;
  beforeAll(async () => void (stage = await openStage()));
  afterAll(() => stage.close());

  it('is offered to be continued at the next visit, ends with the same bits, and can be discarded', async () => {
    const first = await openPlayground(stage);
    await prepare(first.page);
    await mainButton(first.page).click();
    await finished(first.page);
    const whole = await adapter(first.page);
    expect(Object.keys(whole)).toEqual([
      'hadamard-the-pasted-table/adapter_config.json',
      'hadamard-the-pasted-table/adapter_model.safetensors',
      'hadamard-the-pasted-table/README.md',
    ]);

    await mainButton(first.page).click();
    await reach(first.page, 2, 2);
    await mainButton(first.page).click();
    await first.page.getByRole('button', { name: 'Continue' }).waitFor();
    // Another tab leaves the copy alone, and says that its own run would be lost.
    const second = await openPlayground(stage, first.context);
    expect(await second.page.getByText('A run was left unfinished').count()).toBe(0);
    await prepare(second.page);
    await mainButton(second.page).click();
    await second.page.getByText('If you close this tab, its run is lost').waitFor();
    await second.page.close();

    await mainButton(first.page).click();
    await reach(first.page, 2, 3);
    await first.page.close();
    const third = await openPlayground(stage, first.context);
    await third.page.getByText('A run was left unfinished').waitFor();
    expect(
      await third.page.getByText(/The pasted table, 40 examples, stage 2 of 2, after \d+ of 50 steps/).count(),
    ).toBe(1);
    await third.page.getByRole('button', { name: 'Continue it' }).click();
    await finished(third.page);
    expect(await adapter(third.page)).toEqual(whole);

    await mainButton(third.page).click();
    await reach(third.page, 2, 2);
    await third.page.close();
    const fourth = await openPlayground(stage, first.context);
    await fourth.page.getByRole('button', { name: 'Discard it' }).click();
    expect(await fourth.page.getByText('A run was left unfinished').count()).toBe(0);
    await fourth.page.reload();
    await fourth.page.getByTestId('loaded').waitFor();
    expect(await fourth.page.getByText('A run was left unfinished').count()).toBe(0);
    for (const { faults } of [first, second, third, fourth]) expect(faults).toEqual([]);
  });
});

describe.skipIf(noChromium !== undefined)('a host that sends no headers of ours', () => {
  it('has one thread, says so, and trains', async () => {
    const stage = await openStage({ isolated: false });
    try {
      const { page, faults } = await openPlayground(stage);
      await page.getByText('one thread, since this site is served without the headers').waitFor();
      await prepare(page);
      await set(page, { classifierEpochs: 1, adapterEpochs: 1 });
      await mainButton(page).click();
      await finished(page);
      expect(faults).toEqual([]);
    } finally {
      await stage.close();
    }
  });
});
