import { chromium, type Browser, type BrowserContext, type Locator, type Page } from 'playwright';
import { CHROMIUM_FLAGS, chromiumPath } from '../../../../../tooling/chromium.mjs';
import { serveSite, type Site } from '../../../scripts/site.mjs';

/** Why nothing can be tested here; undefined when it can. */
export const noChromium = chromiumPath() === undefined ? 'there is no Chromium; set CHROME_PATH to one' : undefined;

export interface Stage {
  readonly site: Site;
  readonly browser: Browser;
  close(): Promise<void>;
}

/** The built site on a server of its own, and a browser. */
export async function openStage(options: { readonly isolated?: boolean } = {}): Promise<Stage> {
  const path = chromiumPath();
  const site = await serveSite(options);
  const browser = await chromium.launch({
    ...(path === undefined ? {} : { executablePath: path }),
    chromiumSandbox: false,
    args: CHROMIUM_FLAGS,
  });
  return {
    site,
    browser,
    async close() {
      await browser.close();
      await site.close();
    },
  };
}

/** A page with the playground on it, loaded, and what went wrong there unasked. */
export interface Opened {
  readonly page: Page;
  readonly context: BrowserContext;
  /** Errors that nobody caught, and requests that failed or went elsewhere. */
  readonly faults: string[];
}

export async function openPlayground({ site, browser }: Stage, context?: BrowserContext): Promise<Opened> {
  const own = context ?? (await browser.newContext({ acceptDownloads: true, viewport: { width: 1280, height: 900 } }));
  const page = await own.newPage();
  const faults: string[] = [];
  page.on('pageerror', ({ message }) => faults.push(message));
  page.on('request', (request) => {
    if (!request.url().startsWith(site.address) && !/^(blob|data):/.test(request.url()))
      faults.push(`asked ${request.url()}`);
  });
  await page.goto(`${site.address}/playground`);
  await page.getByTestId('loaded').waitFor({ timeout: 60_000 });
  return { page, context: own, faults };
}

export const mainButton = (page: Page): Locator => page.getByTestId('main');

/** Paste a table as a person would. */
export async function paste(page: Page, table: string): Promise<void> {
  await page.getByRole('radio', { name: 'Paste' }).check();
  await page.locator('#pg-paste').fill(table);
}

/** Set some of the settings, by their keys. */
export async function set(page: Page, values: Readonly<Record<string, number>>): Promise<void> {
  const summary = page.getByText('Settings', { exact: true });
  if (!(await page.locator('details.pg-settings[open]').count())) await summary.click();
  for (const [key, value] of Object.entries(values)) {
    await page.locator(`#pg-${key}`).fill(String(value));
    await page.locator(`#pg-${key}`).blur();
  }
}

/** Held-out texts that are classified correctly, by row of the table of scores. */
export async function scores(page: Page): Promise<Record<string, number>> {
  const found = await page
    .locator('[data-score]')
    .evaluateAll((rows) => rows.map((row) => (row as HTMLElement).dataset['score'] ?? ''));
  return Object.fromEntries(found.map((text) => text.split(' ')).map(([key, count]) => [key, Number(count)]));
}

/** Wait until a step of this stage (from 1) and epoch is done. */
export async function reach(page: Page, stage: number, epoch: number): Promise<void> {
  await page.waitForFunction(
    ([stage, epoch]) => {
      const [, at, on] =
        /Stage (\d) of 2, \w+: epoch (\d+)/.exec(document.querySelector('[data-testid=progress]')?.textContent ?? '') ??
        [];
      return Number(at) > (stage as number) || (Number(at) === stage && Number(on) >= (epoch as number));
    },
    [stage, epoch],
    { timeout: 300_000, polling: 50 },
  );
}

export const finished = (page: Page): Promise<void> => page.getByTestId('finished').waitFor({ timeout: 500_000 });

/** Two subjects, told apart by every one of their words. */
export function smallTable(rows: number): string {
  const kitchen = ['soup', 'bread', 'onion', 'butter', 'salt', 'oven', 'plate', 'spoon'];
  const road = ['truck', 'lane', 'bridge', 'wheel', 'engine', 'signal', 'ferry', 'tunnel'];
  const line = (i: number): string => {
    const words = i % 2 === 0 ? kitchen : road;
    return `The ${words[(i >> 1) % 8]} is next to the ${words[(i * 3 + 1) % 8]}.,${i % 2 === 0 ? 'kitchen' : 'road'}`;
  };
  return ['text,label', ...Array.from({ length: rows }, (_, i) => line(i))].join('\n');
}
