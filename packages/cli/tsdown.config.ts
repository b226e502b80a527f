import { defineConfig } from 'tsdown';

export default defineConfig({ entry: ['src/index.ts', 'src/bin.ts', 'src/bench-worker.ts', 'src/sweep-process.ts'], format: 'esm', dts: true, platform: 'node', fixedExtension: false });
