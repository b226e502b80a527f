import { defineConfig } from 'tsdown';

export default defineConfig({ entry: ['src/index.ts', 'src/web.ts', 'src/worker.ts', 'src/conformance.ts'], format: 'esm', dts: true, platform: 'neutral', fixedExtension: false });
