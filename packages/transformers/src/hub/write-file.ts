/**
 * Write a file of Node under a temporary name and rename it when it is whole; its folder is made where it is missing.
 */
export async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  const [{ mkdir, rename, writeFile }, { dirname }] = await Promise.all([
    import('node:fs/promises'),
    import('node:path'),
  ]);
  const part = `${path}.${process.pid}.part`;
  await mkdir(dirname(path), { recursive: true });
  await writeFile(part, bytes);
  await rename(part, path);
}
