import { defineConfig } from 'vitest/config';

// The stories in a real browser, against a real node. build/browser.sh builds the node and starts this.
export default defineConfig({
  test: {
    include: ['e2e/*.story.ts'],
    // Each story starts a node and a browser of its own; two at a time fill two cores.
    maxWorkers: 2,
    // Waiting for one thing ends much sooner (window.ts); this bounds a whole step.
    testTimeout: 180_000,
    hookTimeout: 60_000,
    reporters: ['verbose', './e2e/parts/closing.ts'],
  },
});
