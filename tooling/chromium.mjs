import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

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

const PLACES = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
];

/** The browser for tests: what CHROME_PATH names, else the first that is found; undefined when there is none. */
export function chromiumPath() {
  const named = process.env.CHROME_PATH;
  if (named !== undefined && named !== '') return named;
  return PLACES.find((path) => existsSync(path));
}

const INSTALL = ['apt-get install -y --no-install-recommends chromium fonts-dejavu-core'];

/**
 * Find the browser, or install it where that is allowed: on Debian and its kin, as root. Throws with the line to type
 * otherwise.
 */
export function ensureChromium() {
  const found = chromiumPath();
  if (found !== undefined && existsSync(found)) return found;
  if (found !== undefined) throw new Error(`CHROME_PATH names ${found}, which is not there`);
  if (process.platform !== 'linux' || process.getuid?.() !== 0 || spawnSync('apt-get', ['--version']).status !== 0) {
    throw new Error(`The browser tests need Chromium: set CHROME_PATH to one, or type: sudo ${INSTALL[0]}`);
  }
  for (const command of ['apt-get update', INSTALL[0]]) {
    const { status, stderr } = spawnSync(command, {
      shell: true,
      encoding: 'utf8',
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    });
    if (status !== 0) throw new Error(`${command} failed: ${stderr.trim().split('\n').at(-1)}`);
  }
  const installed = chromiumPath();
  if (installed === undefined)
    throw new Error('apt-get installed chromium, but it is not at any usual place; set CHROME_PATH');
  return installed;
}

/**
 * Chromium brings a Vulkan loader and a software driver, which do for WebGPU in Node as well: settings of the
 * environment that make them the ones used, unless the system has its own.
 */
export function vulkanOf(chromium) {
  const own = '/usr/share/vulkan/icd.d';
  const folder = ['/usr/lib/chromium', dirname(chromium)].find((path) =>
    existsSync(join(path, 'vk_swiftshader_icd.json')),
  );
  if (
    process.platform !== 'linux' ||
    folder === undefined ||
    process.env.VK_ICD_FILENAMES !== undefined ||
    existsSync(own)
  )
    return {};
  return {
    VK_ICD_FILENAMES: join(folder, 'vk_swiftshader_icd.json'),
    LD_LIBRARY_PATH: [folder, process.env.LD_LIBRARY_PATH].filter(Boolean).join(':'),
  };
}
