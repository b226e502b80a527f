import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  finished,
  mainButton,
  noChromium,
  openPlayground,
  openStage,
  paste,
  set,
  type Opened,
  type Stage,
} from './support/playground.js';

/** What the page must answer within, whatever it is given. */
const CLICK_MS = 1000;

async function complaint(page: Page, code: string): Promise<string> {
  const line = page.locator(`[data-code=${code}]`);
  await line.waitFor();
  return (await line.textContent()) ?? '';
}

/** Click something until `work` is done: the longest answer, in milliseconds, as the page itself measures it. */
async function clickingWhile(page: Page, work: () => Promise<unknown>): Promise<number> {
  await page.evaluate(() => {
    const state = { worst: 0, last: performance.now(), stop: false };
    (globalThis as { beat?: typeof state }).beat = state;
    const summary = document.querySelector<HTMLElement>('.pg-settings > summary');
    const tick = (): void => {
      const now = performance.now();
      state.worst = Math.max(state.worst, now - state.last - 50);
      state.last = now;
      summary?.click();
      if (!state.stop) setTimeout(tick, 50);
    };
    setTimeout(tick, 50);
  });
  const stop = (): Promise<number> =>
    page.evaluate(() => {
      const { beat } = globalThis as { beat?: { worst: number; last: number; stop: boolean } };
      if (beat === undefined) return Infinity;
      beat.stop = true;
      return Math.max(beat.worst, performance.now() - beat.last - 50);
    });
  await work().catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  return stop();
}

describe.skipIf(noChromium !== undefined)('bad input', () => {
  const folder = mkdtempSync(join(tmpdir(), 'hadamard-playground-'));
  let stage: Stage;
  let opened: Opened;
  beforeAll(async () => {
    stage = await openStage();
    opened = await openPlayground(stage);
    await opened.page.getByRole('radio', { name: 'File' }).check();
  });
  afterAll(async () => {
    expect(opened.faults).toEqual([]);
    await stage.close();
    rmSync(folder, { recursive: true, force: true });
  });

  function file(name: string, content: string | Uint8Array, size?: number): string {
    const path = join(folder, name);
    writeFileSync(path, content);
    if (size !== undefined) truncateSync(path, size);
    return path;
  }

  const give = (path: string): Promise<void> => opened.page.locator('#pg-file').setInputFiles(path);

  it.each([
    [
      'one class',
      'one.csv',
      'text,label\na,x\nb,x\nc,x\n',
      'DATA_ONE_CLASS',
      /found "x" in all 3 rows, expected at least two classes. Add rows of another class/,
    ],
    [
      'binary junk',
      'junk.csv',
      Uint8Array.from({ length: 50_000 }, (_, i) => (i * 7919) % 256),
      'TEXT_ENCODING',
      /Save the table as CSV in UTF-8\./,
    ],
    [
      'a spreadsheet',
      'sheet.csv',
      Uint8Array.of(0x50, 0x4b, 3, 4, 20, 0, 6, 0),
      'TEXT_ENCODING',
      /a spreadsheet \(\.xlsx\)/,
    ],
    ['nothing', 'empty.csv', '', 'TABLE_EMPTY', /The first line names the columns/],
    ['a document', 'letter.docx', 'PK', 'TABLE_FORMAT', /Save the table as CSV, TSV, JSON Lines or Parquet\./],
    ['ragged rows', 'ragged.csv', 'text,label\na,x\nb,y,z\n', 'TABLE_ROW', /found 3 in line 3, expected 2/],
    ['too few to hold some out', 'few.csv', 'text,label\na,x\nb,y\n', 'HOLDOUT', /Add rows/],
    [
      'a label for each row',
      'ids.csv',
      `text,label\n${Array.from({ length: 1200 }, (_, i) => `text,${i}x`).join('\n')}`,
      'LABEL_COUNT',
      /Choose the column that holds the class/,
    ],
  ])('%s', async (_, name, content, code, sentence) => {
    const { page } = opened;
    const path = file(name, content);
    let found = '';
    const slowest = await clickingWhile(page, async () => {
      await give(path);
      found = await complaint(page, code);
    });
    expect(found).toMatch(sentence);
    expect(slowest).toBeLessThan(CLICK_MS);
    expect(await mainButton(page).getAttribute('aria-disabled')).toBe('true');
  });

  it('100 MB', async () => {
    const { page } = opened;
    const path = file('huge.csv', 'text,label\n', 100 * 2 ** 20);
    let found = '';
    const slowest = await clickingWhile(page, async () => {
      await give(path);
      found = await complaint(page, 'TABLE_SIZE');
    });
    expect(found).toMatch(
      /huge\.csv is too large for this page: found 100\.0 MB, expected at most 10\.0 MB\. Take a part of it/,
    );
    expect(slowest).toBeLessThan(CLICK_MS);
  });

  it('the largest table that is taken: the page goes on answering while it is read', async () => {
    const { page } = opened;
    const row = (i: number): string =>
      `Row ${i} tells of the ${i % 2 === 0 ? 'kitchen' : 'road'} and of nothing else in the ` +
      `world,${i % 2 === 0 ? 'kitchen' : 'road'}`;
    const path = file('large.csv', ['text,label', ...Array.from({ length: 120_000 }, (_, i) => row(i))].join('\n'));
    const slowest = await clickingWhile(page, async () => {
      await give(path);
      await page.getByText('1,600 to train on, 400 held out, 2 classes').waitFor({ timeout: 60_000 });
    });
    expect(slowest).toBeLessThan(CLICK_MS);
  });

  it('50 columns: they are listed, and two are chosen', async () => {
    const { page } = opened;
    const names = Array.from({ length: 50 }, (_, i) => `c${i}`);
    const cells = (i: number): string[] =>
      names.map((_, column) =>
        column === 31
          ? i % 2 === 0
            ? 'yes'
            : 'no'
          : column === 17
            ? `A sentence about the number ${i} and its neighbours`
            : String(i * column),
      );
    await give(
      file(
        'wide.csv',
        [names, ...Array.from({ length: 20 }, (_, i) => cells(i))].map((row) => row.join(',')).join('\n'),
      ),
    );
    await page.getByText('wide.csv has 50 columns. Choose the one with the text and the one with the class.').waitFor();
    expect(await page.locator('#pg-text-column').inputValue()).toBe('c17');
    await page.locator('#pg-label-column').selectOption('c0');
    await complaint(page, 'DATA_ONE_CLASS');
    await page.locator('#pg-label-column').selectOption('c31');
    await page.getByText('16 to train on, 4 held out, 2 classes').waitFor();
    expect(await page.locator('[data-code]').count()).toBe(0);
  });

  it('a text of megabytes is refused before it is in the box', async () => {
    const { page } = opened;
    await page.getByRole('radio', { name: 'Paste' }).check();
    const slowest = await clickingWhile(page, async () => {
      await page.evaluate(() => {
        const data = new DataTransfer();
        data.setData('text/plain', `text,label\n${'word '.repeat(600_000)},x`);
        document
          .querySelector('#pg-paste')
          ?.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));
      });
      expect(await complaint(page, 'TABLE_SIZE')).toMatch(/Save it as a file and drop it here/);
    });
    expect(slowest).toBeLessThan(CLICK_MS);
    expect(await page.locator('#pg-paste').inputValue()).toBe('');
  });

  it('right-to-left and emoji texts are learned from like any other', async () => {
    const { page } = opened;
    const rows = Array.from({ length: 12 }, (_, i) =>
      i % 2 === 0 ? `مرحبا بالعالم ${i} 👩‍👩‍👧‍👦🎉,سعيد 😀` : `שלום עולם ${i} \u202e🙁,"עצוב, 😢"`,
    );
    await paste(page, ['text,label', ...rows].join('\n'));
    await page.getByText('10 to train on, 2 held out, 2 classes').waitFor();
    await set(page, { batchSize: 4, classifierEpochs: 1, adapterEpochs: 1 });
    await mainButton(page).click();
    await finished(page);
    await page.locator('#pg-typed').fill('مرحبا 🎉');
    await page.getByRole('button', { name: 'Classify' }).click();
    await page.getByTestId('answer').waitFor();
    const classes = await page.getByTestId('answer').locator('tbody th').allTextContents();
    expect(classes.toSorted()).toEqual(['עצוב, 😢', 'سعيد 😀'].toSorted());
    await page.locator('#pg-typed').fill('   ');
    await page.getByRole('button', { name: 'Classify' }).click();
    expect(await complaint(page, 'TEXT_EMPTY')).toBe('There is no text to classify. Type one.');
  });

  it('settings out of range', async () => {
    const { page } = opened;
    if (!(await page.locator('details.pg-settings[open]').count()))
      await page.getByText('Settings', { exact: true }).click();
    await page.locator('#pg-adapterRate').fill('fast');
    await page.getByText('Expected a number from 0.000001 to 1.').waitFor();
    expect(await mainButton(page).getAttribute('aria-disabled')).toBe('true');
    await page.locator('#pg-adapterRate').fill('0.01');
    expect(await mainButton(page).getAttribute('aria-disabled')).toBe('false');
  });

  it('a rate at which training diverges', async () => {
    const { page } = opened;
    await set(page, { classifierRate: 1, adapterRate: 1, adapterEpochs: 30 });
    await mainButton(page).click();
    // It diverges, or it does not: either way the page says how it ended.
    await page.locator('[data-code=TRAINING_DIVERGED], [data-testid=finished]').first().waitFor({ timeout: 60_000 });
    expect(await mainButton(page).textContent()).toMatch(/Train again|Continue/);
  });
});
