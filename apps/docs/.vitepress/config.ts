import { defineConfig } from 'vitepress';
import { markdown } from '../scripts/markdown.js';
import { nav, sidebar } from './sidebar.js';

/** Without them WASM has one thread. A static host reads them from `public/_headers`, or does not know them. */
const ISOLATION = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };

/** What is used of Vite's server. */
interface DevServer {
  readonly middlewares: {
    use(
      work: (request: unknown, response: { setHeader(name: string, value: string): void }, next: () => void) => void,
    ): void;
  };
}

/** Vite's own `server.headers` does not reach the pages that VitePress makes. */
const isolation = {
  name: 'isolation',
  configureServer({ middlewares }: DevServer): void {
    middlewares.use((_, response, next) => {
      for (const [name, value] of Object.entries(ISOLATION)) response.setHeader(name, value);
      next();
    });
  },
};

/** A project page of GitHub lies below the name of its repository. */
const base = process.env['DOCS_BASE'] ?? '/';

export default defineConfig({
  title: 'Hadamard adapters',
  description: 'Fine-tune a pretrained transformer in JavaScript by training one scale and one shift vector per layer.',
  lang: 'en',
  base,
  head: [['link', { rel: 'icon', type: 'image/svg+xml', href: `${base}favicon.svg` }]],
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
    plugins: [isolation],
    // It finds its .wasm beside itself.
    optimizeDeps: { exclude: ['onnxruntime-web', 'onnxruntime-web/wasm', 'onnxruntime-web/webgpu'] },
    build: { target: 'esnext' },
  },
});
