import { defineConfig } from 'vitest/config';
import { TEST_ENV } from './test/state-folder.ts';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/lab/**'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    env: TEST_ENV,
  },
});
