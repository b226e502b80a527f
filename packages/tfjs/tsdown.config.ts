import { defineConfig } from 'tsdown';

export default defineConfig({ entry: ['src/index.ts', 'src/conformance.ts', 'src/keras.ts'], format: 'esm', dts: true, platform: 'neutral', fixedExtension: false });
