import { once } from 'node:events';
import { createServer } from 'node:http';
import { join } from 'node:path';
import sirv from 'sirv';

const DIST = join(import.meta.dirname, '..', 'dist');

/** With them a page has SharedArrayBuffer, and WASM its threads. */
const ISOLATION = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };

/**
 * Serve the built site as a static host would: no server of its own is part of it.
 *
 * @param folder the built site, if not where it is built by default.
 * @param isolated false for a host that cannot send headers of one's own, such as GitHub Pages.
 */
export async function serveSite({ port = 0, isolated = true, folder = process.env.DOCS_DIST ?? DIST } = {}) {
  const files = sirv(folder, {
    etag: true,
    setHeaders(response, path) {
      if (path.startsWith('/assets/')) response.setHeader('Cache-Control', 'public, max-age=31536000, immutable');
      if (isolated) for (const [name, value] of Object.entries(ISOLATION)) response.setHeader(name, value);
    },
  });
  const server = createServer((request, response) =>
    files(request, response, () => response.writeHead(404).end('not found')),
  );
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const { port: taken } = server.address();
  return {
    address: `http://127.0.0.1:${taken}`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
