import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import type { Plugin } from 'vite';

const kinds = /\.(html|js|css|svg|json|webmanifest)$/;
const worthwhile = 512; // below that the answer's header is larger than the gain

/**
 * Writes .br and .gz beside each text file of the build, so that the node answers
 * compressed without spending a processor on it. Same input, same bytes.
 */
export function precompress(): Plugin {
  let dir = '';
  return {
    name: 'pc2-precompress',
    apply: 'build',
    configResolved(config) {
      dir = join(config.root, config.build.outDir);
    },
    closeBundle() {
      for (const entry of readdirSync(dir, { recursive: true, withFileTypes: true })) {
        if (!entry.isFile() || !kinds.test(entry.name)) continue;
        const file = join(entry.parentPath, entry.name);
        const plain = readFileSync(file);
        if (plain.length < worthwhile) continue;
        writeFileSync(`${file}.gz`, gzipSync(plain, { level: 9 }));
        writeFileSync(
          `${file}.br`,
          brotliCompressSync(plain, {
            params: {
              [constants.BROTLI_PARAM_QUALITY]: 11,
              [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT,
              [constants.BROTLI_PARAM_SIZE_HINT]: plain.length,
            },
          }),
        );
      }
    },
  };
}
