import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';

/** A folder on this machine: what is in it, and the SHA-256 of each file. Paths begin with the folder's name. */
export interface Tree {
  root: string;
  files: Map<string, string>;
  /** Every folder, the empty ones too. */
  folders: string[];
}

const KiB = 1024;
const MiB = 1024 * KiB;

/** Names that have gone wrong somewhere: other scripts, marks in two forms, signs that mean something in an address. */
const strange = [
  'Recipe – crème brûlée.md',
  'Cafe\u0301, decomposed.txt',
  'Łódź – rodzinne archiwum.pdf',
  '旅行の写真 2025.jpg',
  'فهرس الصور.txt',
  'Привет.txt',
  '🏔️ Gipfel 👨‍👩‍👧.txt',
  '100 % #1 a+b & c=d?.txt',
  'O’Brien “quoted” \'single\' "double".txt',
  'back\\slash; semi:colon.txt',
  'no ending',
  '.hidden',
  'many.dots.in.it.tar.gz',
  `${'A long name that nobody reads to its end '.repeat(5)}.txt`,
  'CON',
  '-rf',
  '%2e%2e%2f.txt',
  '<b>bold &amp; brave.html',
];

/** Fifty files in nested folders, an empty one among them, and folders with nothing in them. */
export async function fiftyFiles(dir: string, name: string): Promise<Tree> {
  const sizes = [0, 1, 15, 16, 17, 1000, 4095, 4096, 65535, 65536, 65537, 300 * KiB, MiB, 3 * MiB + 1];
  const paths: string[] = [];
  strange.forEach((n) => paths.push(n));
  for (let n = 1; n <= 20; n++) paths.push(`Photos/IMG_${String(n).padStart(4, '0')}.jpg`);
  for (let n = 1; n <= 9; n++) paths.push(`Tagebuch/Woche ${Math.ceil(n / 3)}/Tag ${n}.md`);
  paths.push('a/b/c/d/e/f/g/h/deep.txt', 'Tagebuch/空の箱/empty.bin', 'Tagebuch/Woche 1/Ünïcödé/Größe.txt');
  if (paths.length !== 50) throw new Error(`${paths.length} files, not 50`);

  const tree: Tree = { root: join(dir, name), files: new Map(), folders: [] };
  const folders = new Set([name]);
  for (const [n, rel] of paths.entries()) {
    const size = rel.endsWith('empty.bin') ? 0 : (sizes[n % sizes.length] ?? 1);
    const bytes = randomBytes(size);
    const path = join(dir, name, rel);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, bytes);
    tree.files.set(`${name}/${rel}`, createHash('sha256').update(bytes).digest('hex'));
    for (let up = dirname(`${name}/${rel}`); up !== '.'; up = dirname(up)) folders.add(up);
  }
  for (const rel of ['Nothing in here', 'Boxes in boxes/in boxes/empty']) {
    await mkdir(join(dir, name, rel), { recursive: true });
    for (let up = `${name}/${rel}`; up !== '.'; up = dirname(up)) folders.add(up);
  }
  tree.folders = [...folders].sort();
  return tree;
}

/** One file of random bytes. */
export async function bigFile(path: string, size: number): Promise<string> {
  const hash = createHash('sha256');
  const file = await open(path, 'w');
  try {
    for (let left = size; left > 0; ) {
      const piece = randomBytes(Math.min(left, 4 * MiB));
      hash.update(piece);
      await file.write(piece);
      left -= piece.length;
    }
  } finally {
    await file.close();
  }
  return hash.digest('hex');
}

export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: MiB }), hash);
  return hash.digest('hex');
}
