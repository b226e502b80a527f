import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright';
import { build, preview } from 'vite';
import { CHROMIUM_FLAGS, ensureChromium } from '../chromium.mjs';

/** Without them a page has no SharedArrayBuffer, and WASM one thread. */
const ISOLATION = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };

/**
 * Build the application in `folder` with Vite for production, without any plugin or alias, serve it beside `files`
 * (path on the site → file) and open it in headless Chromium. Resolves to what `work(page, output)` answers, given the
 * page and the folder of the build; rejects if the page complained about anything meanwhile, or asked another server
 * for something.
 */
export async function inProductionBuild(folder, files, work) {
  const output = mkdtempSync(join(tmpdir(), 'hadamard-build-'));
  const config = {
    root: folder,
    configFile: false,
    logLevel: 'error',
    worker: { format: 'es' },
    build: { outDir: output, emptyOutDir: true, target: 'esnext' },
    preview: { port: 0, headers: ISOLATION },
  };
  let server;
  let browser;
  try {
    await build(config);
    for (const [path, file] of Object.entries(files)) cpSync(file, join(output, path), { recursive: true });
    server = await preview(config);
    browser = await chromium.launch({ executablePath: ensureChromium(), chromiumSandbox: false, args: CHROMIUM_FLAGS });
    const page = await browser.newPage();
    const [address] = server.resolvedUrls.local;
    const complaints = [];
    page.on('pageerror', ({ message }) => complaints.push(message));
    page.on('requestfailed', (request) => complaints.push(`${request.url()}: ${request.failure()?.errorText}`));
    page.on('request', (request) => {
      if (/^https?:/.test(request.url()) && !request.url().startsWith(address))
        complaints.push(`the page asked for ${request.url()}`);
    });
    await page.goto(address);
    await page.waitForFunction(() => globalThis.page !== undefined);
    const answer = await work(page, output);
    if (complaints.length > 0) throw new Error(complaints.join('\n'));
    return answer;
  } finally {
    await browser?.close();
    await server?.close();
    rmSync(output, { recursive: true, force: true });
  }
}
