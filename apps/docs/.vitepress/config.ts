import { defineConfig } from 'vitepress';
import { markdown } from '../scripts/markdown.js';
import { nav, sidebar } from './sidebar.js';

/** Without them WASM has one thread. A static host reads them from `public/_headers`, or does not know them. */
const ISOLATION = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };

export default defineConfig({
  title: 'Hadamard adapters',
  description: 'Fine-tune a pretrained transformer in JavaScript by training one scale and one shift vector per layer.',
  lang: 'en',
  // A project page of GitHub lies below the name of its repository.
  base: process.env['DOCS_BASE'] ?? '/',
  outDir: 'dist',
  cleanUrls: true,
  srcExclude: ['README.md', 'tests/**', 'src/**', 'scripts/**', 'dist/**'],
  markdown,
  themeConfig: {
    nav,
    sidebar,
    outline: [2, 3],
    search: { provider: 'local' },
  },
  vite: {
    // The same names as on the page, so that a .wasm that both could load is there once.
    worker: { format: 'es', rollupOptions: { output: { assetFileNames: 'assets/[name].[hash].[ext]' } } },
    server: { headers: ISOLATION },
    // It finds its .wasm beside itself.
    optimizeDeps: { exclude: ['onnxruntime-web', 'onnxruntime-web/wasm', 'onnxruntime-web/webgpu'] },
    build: { target: 'esnext' },
  },
});
