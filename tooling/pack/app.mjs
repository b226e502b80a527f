import assert from 'node:assert/strict';
import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../lib.mjs';
import { install } from './install.mjs';
import { inProductionBuild } from './production.mjs';

const TEXTS = [
  ['The soup needs salt.', 0],
  ['Bake the bread for an hour.', 0],
  ['She cut the onions.', 0],
  ['Pour the milk into a bowl.', 0],
  ['Dinner is on the table.', 0],
  ['The cake was too sweet.', 0],
  ['The bus stops at the bridge.', 1],
  ['He drove to the city.', 1],
  ['Their car broke down.', 1],
  ['Turn left at the crossing.', 1],
  ['We rode our bicycles.', 1],
  ['The street was full of traffic.', 1],
];

/** Build the application from the tarballs, and let it train on WASM in Chromium. */
export async function application(folder, packages) {
  const source = join(import.meta.dirname, 'app');
  const added = await install(
    folder,
    Object.keys(JSON.parse(readFileSync(join(source, 'package.json'), 'utf8')).dependencies),
    packages,
  );
  for (const name of ['index.html', 'main.js']) cpSync(join(source, name), join(folder, name));
  const model = join(root, 'packages', 'cli', 'assets', 'mini-bert');
  await inProductionBuild(folder, { 'mini-bert': model }, async (page) => {
    const learned = await page.evaluate(
      (texts) =>
        globalThis.page.learn('wasm', ['kitchen', 'road'], texts, ['Boil the eggs.', 'A truck blocked the lane.']),
      TEXTS,
    );
    assert.deepEqual(learned, {
      trained: [514, 4096],
      answers: ['kitchen', 'road'],
      files: ['adapter_config.json', 'adapter_model.safetensors', 'README.md'],
    });
  });
  return added;
}
