import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';
import { precompress } from './build/precompress.ts';

// The node that `npm run dev` talks to. The page itself knows only its own origin.
const node = process.env.PC2_NODE ?? 'http://127.0.0.1:4200';
const api = [
  '/api', '/auth', '/whoami', '/logout', '/health', '/version', '/stat', '/readdir', '/read', '/write', '/mkdir',
  '/delete', '/move', '/rename', '/copy', '/touch', '/df',
];

export default defineConfig({
  plugins: [svelte(), precompress()],
  build: {
    // What light-dark() needs; older browsers would show a page without colours.
    target: ['chrome123', 'firefox120', 'safari17.5'],
    cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  worker: { format: 'es' },
  server: {
    proxy: Object.fromEntries([
      // A pattern, because '/read' would also match '/readme.svg' and '/files' must stay the page's.
      ...api.map((p) => [`^${p}(/|\\?|$)`, { target: node }]),
      ['/socket.io', { target: node, ws: true }],
    ]),
  },
  test: { include: ['src/**/*.test.ts', 'build/**/*.test.ts'] },
});
