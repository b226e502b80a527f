import { defineConfig } from 'vitest/config';

/** The playground in Chromium, as it is built: `npm run build` comes first. */
export default defineConfig({
  test: {
    name: 'playground',
    // Those of the root's vitest.config.ts.
    tags: [{ name: 'all', description: 'only in npm run test:all' }],
    include: ['tests/playground/**/*.test.ts'],
    // Training takes a minute alone, and several where the processor has other work too.
    testTimeout: 600_000,
    hookTimeout: 60_000,
    // Threads of two pages on the same cores wait for each other, spinning.
    fileParallelism: false,
  },
});
