import { readFileSync, writeFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ADAPTER_CONFIG_FILE } from '@hadamard-adapter/core/folder';
import { unzipSync, zipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  finished,
  mainButton,
  noChromium,
  openPlayground,
  openStage,
  paste,
  set,
  smallTable,
  type Stage,
} from './support/playground.js';

describe.skipIf(noChromium !== undefined)('adapter folders', () => {
  const folder = mkdtempSync(join(tmpdir(), 'hadamard-playground-'));
  let stage: Stage;
  beforeAll(async () => void (stage = await openStage()));
  afterAll(async () => {
    await stage.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('leave the page, come back as a zip or as files, and answer as before; what does not fit is refused', async () => {
    const { page, faults } = await openPlayground(stage);
    await paste(page, smallTable(24));
    await set(page, { batchSize: 4, classifierEpochs: 3, adapterEpochs: 2 });
    await mainButton(page).click();
    await finished(page);
    await page.locator('#pg-typed').fill('The oven is next to the spoon.');
    const answers = async (): Promise<string[]> => {
      await page.getByRole('button', { name: 'Classify' }).click();
      await page.getByTestId('answer').waitFor();
      return page.getByTestId('answer').locator('tbody td').allTextContents();
    };
    const before = await answers();
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Download' }).click(),
    ]);
    const zip = join(folder, 'adapter.zip');
    await download.saveAs(zip);
    const files = Object.entries(unzipSync(readFileSync(zip))).map(([path, content]) => ({
      name: path.split('/').at(-1) ?? '',
      mimeType: '',
      buffer: Buffer.from(content),
    }));

    const { page: other, faults: otherFaults } = await openPlayground(stage);
    await other.locator('#pg-load').setInputFiles(zip);
    await other.getByTestId('loaded-adapter').waitFor();
    await other.locator('#pg-typed').fill('The oven is next to the spoon.');
    await other.getByRole('button', { name: 'Classify' }).click();
    await other.getByTestId('answer').waitFor();
    expect(await other.getByTestId('answer').locator('tbody td').allTextContents()).toEqual(before);
    expect(await other.getByRole('img', { name: /by layer and channel/ }).count()).toBe(2);

    await other.locator('#pg-load').setInputFiles(files);
    await other.getByTestId('loaded-adapter').waitFor();

    const refusal = async (
      given: Parameters<ReturnType<typeof other.locator>['setInputFiles']>[0],
      code: string,
    ): Promise<string> => {
      await other.locator('#pg-load').setInputFiles(given);
      const line = other.locator(`[data-code=${code}]`);
      await line.waitFor();
      return (await line.textContent()) ?? '';
    };
    const elsewhere = files.map((file) =>
      file.name === ADAPTER_CONFIG_FILE
        ? {
            ...file,
            buffer: Buffer.from(
              file.buffer.toString().replace(/"base_weights_sha256": "[0-9a-f]{8}/, '"base_weights_sha256": "00000000'),
            ),
          }
        : file,
    );
    expect(
      await refusal(
        elsewhere.filter(({ name }) => name === ADAPTER_CONFIG_FILE),
        'ADAPTER_FILE_MISSING',
      ),
    ).toMatch(/no adapter_model\.safetensors/);
    expect(await refusal(elsewhere, 'ADAPTER_BASE_MISMATCH')).toMatch(/different adapters|another base model/);
    expect(
      await refusal([{ name: 'a.zip', mimeType: 'application/zip', buffer: Buffer.from('no zip') }], 'ADAPTER_ZIP'),
    ).toMatch(/cannot be unpacked/);
    expect(
      await refusal(
        [
          {
            name: 'b.zip',
            mimeType: 'application/zip',
            buffer: Buffer.from(zipSync({ 'notes.txt': new Uint8Array(9) })),
          },
        ],
        'ADAPTER_ZIP',
      ),
    ).toMatch(/none of these files/);
    writeFileSync(join(folder, 'photo.json'), '{}');
    expect(await refusal(join(folder, 'photo.json'), 'ADAPTER_FILE_MISSING')).toMatch(
      /That is no adapter: found photo\.json/,
    );
    expect([...faults, ...otherFaults]).toEqual([]);
  });
});
