import { existsSync } from 'node:fs';

/** Headless Chromium with WebGPU on its software adapter, and nothing that wants a network. */
export const CHROMIUM_FLAGS = [
  '--headless=new',
  '--no-sandbox',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--enable-unsafe-swiftshader',
];

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome', '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome', 'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe'];

/** The browser for tests: what CHROME_PATH names, else the first that is found; undefined when there is none. */
export function chromiumPath() {
  const named = process.env.CHROME_PATH;
  if (named !== undefined && named !== '') return named;
  return PLACES.find((path) => existsSync(path));
}
