import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type axe from 'axe-core';
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

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const WIDTHS = { desktop: { width: 1280, height: 900 }, phone: { width: 390, height: 844 } };

/** Serious and critical violations, a line each. */
async function violations(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  return page.evaluate(async () => {
    const { axe: checker } = globalThis as unknown as { axe: typeof axe };
    const { violations: all } = await checker.run(document, { resultTypes: ['violations'] });
    return all
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(' | ')}`);
  });
}

/** Press Tab until something is focused. */
async function tabTo(page: Page, selector: string): Promise<void> {
  for (let presses = 0; presses < 60; presses++) {
    if (await page.evaluate((wanted) => document.activeElement?.matches(wanted) === true, selector)) return;
    await page.keyboard.press('Tab');
  }
  throw new Error(`Tab does not lead to ${selector}`);
}

describe.skipIf(noChromium !== undefined)('accessibility', () => {
  let stage: Stage;
  beforeAll(async () => void (stage = await openStage()));
  afterAll(() => stage.close());

  it('axe-core finds nothing serious, in light and dark, at the width of a desktop and of a phone', async () => {
    const { page } = await openPlayground(stage);
    await page.locator('input[value=webgpu]').waitFor({ timeout: 60_000 });
    await paste(page, smallTable(24));
    await set(page, { batchSize: 4, classifierEpochs: 1, adapterEpochs: 1 });
    await mainButton(page).click();
    await finished(page);
    await page.getByRole('button', { name: 'Classify' }).click();
    await page.getByTestId('answer').waitFor();
    for (const summary of ['Epochs as a table', 'Layers as a table']) await page.getByText(summary).click();
    // Complaints and faults too.
    await page.locator('#pg-paste').fill('text,label\na,x\nb,x');
    await page.locator('[data-code=DATA_ONE_CLASS]').waitFor();
    await page.locator('#pg-seed').fill('-1');
    for (const colorScheme of ['light', 'dark'] as const) {
      for (const [name, size] of Object.entries(WIDTHS)) {
        await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
        await page.setViewportSize(size);
        // Colours fade from one theme to the other.
        await page.waitForTimeout(600);
        expect(await violations(page), `${name}, ${colorScheme}`).toEqual([]);
        expect(
          await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth),
          `${name} scrolls sideways`,
        ).toBe(0);
      }
    }
  });

  it('everything can be done with the keyboard, and is said to those who do not see it', async () => {
    const { page } = await openPlayground(stage);
    await tabTo(page, 'input[name=pg-source]');
    await page.keyboard.press('ArrowRight');
    await tabTo(page, '#pg-paste');
    await page.keyboard.insertText(smallTable(40));
    await page.getByTestId('data').waitFor();
    await tabTo(page, '.pg-settings > summary');
    await page.keyboard.press('Enter');
    await tabTo(page, '#pg-batchSize');
    await page.keyboard.type('2');
    await tabTo(page, '[data-testid=main]');
    await page.keyboard.press('Enter');
    await reach(page, 2, 1);
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Continue' }).waitFor();
    expect(await page.getByTestId('announcement').textContent()).toBe('Training has stopped. It can be continued.');
    await page.keyboard.press('Tab');
    expect(await page.evaluate(() => document.activeElement?.textContent?.trim())).toBe('Start anew');
    await tabTo(page, '#pg-typed');
    await page.keyboard.press('ControlOrMeta+a');
    await page.keyboard.type('The bread is next to the salt.');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.getByTestId('answer').waitFor();
    expect(await page.getByTestId('announcement').textContent()).toMatch(
      /^(kitchen|road), [\d.]+ %; without the adapter [\d.]+ %\.$/,
    );
    await tabTo(page, '#pg-load');
  });
});
