import { defineConfig } from 'tsdown';

export default defineConfig({ entry: ['src/index.ts', 'src/analysis.ts', 'src/folder.ts'], format: 'esm', dts: true, platform: 'neutral', fixedExtension: false });
