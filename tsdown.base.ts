import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { defineConfig, type UserConfig } from 'tsdown';

/**
 * The program of TypeScript 7 for this machine. It writes declarations in a fraction of the time, and tsdown wants the
 * program, not the package.
 */
function compiler(): string {
  const manifest = createRequire(import.meta.url).resolve('typescript-native/package.json');
  const program = createRequire(manifest).resolve(
    `@typescript/typescript-${process.platform}-${process.arch}/package.json`,
  );
  return join(dirname(program), 'lib', process.platform === 'win32' ? 'tsc.exe' : 'tsc');
}

/** How every package is built: from its sources alone, for declarations of what lies outside would be written there. */
export const library = (entry: string[], platform: 'node' | 'neutral'): UserConfig =>
  defineConfig({
    entry,
    format: 'esm',
    tsconfig: 'tsconfig.build.json',
    dts: { tsgo: { path: compiler() } },
    platform,
    fixedExtension: false,
  });
