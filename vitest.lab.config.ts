import { defineConfig } from 'vitest/config';
import { TEST_ENV } from './test/state-folder.ts';

// Real processes on machines of their own: one file after the other, or they starve one another.
export default defineConfig({
  test: {
    include: ['test/lab/**/*.test.ts'],
    testTimeout: 240_000,
    hookTimeout: 60_000,
    maxWorkers: 1,
    env: TEST_ENV,
  },
});
