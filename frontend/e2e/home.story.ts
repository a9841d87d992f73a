import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Browser } from './parts/browser';
import { api, contentOf } from './parts/inside';
import type { Pc2 } from './parts/pc2';
import { answerThree, asked, choosePassphrase, passphrase, seeWords, signInWithPassphrase, signInWithWords, signOut } from './parts/person';
import { story } from './parts/stage';
import { bigFile, fiftyFiles, type Tree } from './parts/tree';
import { longPatience, until } from './parts/until';
import type { Window } from './parts/window';

const MiB = 1024 * 1024;
const bigName = 'Hochzeit, ganzer Film.mp4';

story('Home: files of a newcomer', (stage, step) => {
  let pc2: Pc2;
  let browser: Browser;
  let here: Window;
  let there: Window;
  let words: string[];
  let tree: Tree;
  let big: string;
  const delays: number[] = [];

  /** Does it here, and tells how long the other window took to show it. */
  async function followed(name: string, shown: boolean, act: () => Promise<void>): Promise<void> {
    const start = Date.now();
    const [seen] = await Promise.all([there.shows(name, shown), act()]);
    delays.push(seen - start);
  }

  step('the printed address opens the first run, and the claim code leaves the address', async () => {
    pc2 = await stage.node();
    browser = await stage.browser();
    here = await stage.window(browser, pc2.printed);
    await here.heading('First, your key').waitFor();
    expect(here.page.url()).toBe(`${pc2.url}/`);
    await here.look('first-run-key');
  });

  step('the 24 words are shown, and shown once', async () => {
    words = await seeWords(here);
    expect(words).toHaveLength(24);
    expect(new Set(words.map((w) => /^[a-z]+$/.test(w)))).toEqual(new Set([true]));
    await here.look('first-run-words');
    const again = await here.page.evaluate(async (claim) => {
      const answer = await fetch('/api/setup/mnemonic', { headers: { 'X-PC2-Claim': claim } });
      return { status: answer.status, code: ((await answer.json()) as { code: string }).code };
    }, pc2.claim ?? '');
    here.tolerate(/status of 4\d\d .*\/api\/setup\/mnemonic/);
    expect(again.code).toBe('phrase_already_shown');
  });

  step('three words are asked back', async () => {
    await here.button('I have written them down').click();
    const numbers = await asked(here);
    expect(new Set(numbers).size).toBe(3);
    const [first = 0, second = 0] = numbers;
    await here.field(`Word ${first}`).fill('zebra');
    await here.field(`Word ${second}`).focus();
    await here.says(`Not the word you were shown. Check number ${first} on your paper.`, 'alert');
    expect(await here.button('Continue').isDisabled()).toBe(true);
    await here.look('first-run-check');
    await answerThree(here, words);
  });

  step('a passphrase locks the key, and the newcomer is in', async () => {
    await here.heading('A passphrase for every day').waitFor();
    await here.secret('Passphrase').fill('short');
    expect(await here.button('Finish').isDisabled()).toBe(true);
    await here.secret('Passphrase').fill(passphrase);
    await here.look('first-run-passphrase');
    await choosePassphrase(here, 'Finish');
    await here.look('files-list');
  });

  step('no script can read the session, and nothing keeps the claim code or the key in clear', async () => {
    const kept = await here.page.evaluate(async () => {
      const db = await new Promise<IDBDatabase>((resolve, reject) => {
        const open = indexedDB.open('pc2-keys');
        open.onsuccess = () => resolve(open.result);
        open.onerror = () => reject(open.error);
      });
      const all = await new Promise<{ kdf: { N: number } }[]>((resolve) => {
        const get = db.transaction('sealed').objectStore('sealed').getAll();
        get.onsuccess = () => resolve(get.result as { kdf: { N: number } }[]);
      });
      db.close();
      return { cookies: document.cookie, local: JSON.stringify(localStorage), session: JSON.stringify(sessionStorage), keys: all, text: JSON.stringify(all) };
    });
    expect(kept.cookies).toBe('');
    expect(kept.session).not.toContain(pc2.claim);
    expect(kept.keys.map((k) => k.kdf.N)).toEqual([2 ** 17]);
    for (const place of [kept.local, kept.session, kept.text]) for (const secret of [...words.map((w) => `"${w}"`), passphrase]) expect(place).not.toContain(secret);
  });

  step('on another computer the words open the same PC2', async () => {
    there = await stage.window(await stage.browser(), pc2.url);
    await there.heading(/^Sign in to /).waitFor();
    await there.look('sign-in-nothing');
    await signInWithWords(there, words);
    expect(await there.names()).toEqual(await here.names());
  });

  step('a folder with 50 files is dropped into the page', async () => {
    tree = await fiftyFiles(stage.dir, 'Familie & Freunde');
    await followed('Familie & Freunde', true, () => here.drop([tree.root]));
    const row = here.upload('Familie & Freunde');
    await row.getByText('Verified').waitFor();
    expect(await row.innerText()).toContain('50 files');
    expect(await here.names()).toContain('Familie & Freunde');
  });

  step('one of 300 MiB shows its speed and the time left', async () => {
    const path = join(stage.dir, bigName);
    big = await bigFile(path, 300 * MiB);
    const told = here.tells('Uploads', /[\d.]+ of 315 MB · .*/);
    const start = Date.now();
    await here.drop([path]);
    await here.upload(bigName).getByText('Verified').waitFor({ timeout: longPatience });
    const seconds = (Date.now() - start) / 1000;
    console.log(`300 MiB in ${seconds.toFixed(1)} s, verified in the page`);
    const lines = await told();
    expect(lines.filter((l) => /^[\d.]+ of 315 MB · [\d.]+ [KMG]B\/s · \d+ (s|min) left$/.test(l)).length).toBeGreaterThan(0);
    const parts = lines.map((l) => Number.parseFloat(l));
    expect(parts).toEqual(parts.toSorted((a, b) => a - b));
  });

  step('the other window shows each change within a second', async () => {
    expect(await there.names()).toEqual(await here.names());
    await followed('Garden', true, () => here.newFolder('Garden'));
    await followed('Garden', false, () => here.rename('Garden', 'Garden plans'));
    await here.row('Garden plans').waitFor();
    await followed('Garden plans', false, async () => {
      await here.menu('Garden plans', 'Move to…');
      await here.page.getByRole('treeitem', { name: 'Documents', exact: true }).click();
      await here.dialog('Move “Garden plans”').getByRole('button', { name: 'Move', exact: true }).click();
    });
    await followed('Garden plans', true, () => here.undo('Moved “Garden plans” to Documents'));
    await followed('Garden plans', false, () => here.delete('Garden plans'));
    const note = join(stage.dir, 'Einkauf.txt');
    await writeFile(note, 'Milch');
    await followed('Einkauf.txt', true, () => here.drop([note]));
    await here.upload('Einkauf.txt').getByText('Verified').waitFor();
    await here.button('Clear the list').click();
    await writeFile(note, 'Milch und Brot');
    here.tolerate(/status of 409 .*\/write/);
    await here.drop([note]);
    const start = Date.now();
    const [seen] = await Promise.all([there.showsSize('Einkauf.txt', '14 B'), here.upload('Einkauf.txt').getByRole('button', { name: 'Replace', exact: true }).click()]);
    delays.push(seen - start);
    expect(await there.names()).toEqual(await here.names());

    await there.enter('Familie & Freunde');
    await there.page.getByText('5 folders, 18 files').waitFor();
    await there.look('files-folder');
    console.log(`the other window followed after ${delays.join(', ')} ms`);
    for (const ms of delays) expect(ms).toBeLessThan(5000);
  });

  step('what is downloaded is what was dropped, byte for byte', async () => {
    await checkAll();
    const film = await here.download(() => here.open(bigName));
    expect(film).toEqual({ name: bigName, sha256: big });

    // A whole marked folder's files, as a person takes them.
    await here.enter('Familie & Freunde');
    await here.enter('Tagebuch');
    await here.enter('Woche 1');
    for (const name of ['Tag 1.md', 'Tag 2.md', 'Tag 3.md']) await here.mark(name, 'Control');
    const got = await here.downloads(3, () => here.button('Download').click());
    expect(got).toEqual(new Map(['Tag 1.md', 'Tag 2.md', 'Tag 3.md'].map((n) => [n, tree.files.get(`Familie & Freunde/Tagebuch/Woche 1/${n}`)])));
    await here.button('Clear the selection').click();
    await here.up('Files');
  });

  step('kill -9: the page says that its PC2 does not answer, and keeps the list', async () => {
    const names = await here.names();
    for (const window of [here, there]) window.tolerate(/net::ERR_|WebSocket connection to/);
    await pc2.kill9();
    for (const window of [here, there]) await window.says('Your PC2 does not answer.');
    await here.page.getByText(/trying again in \d+ s/).first().waitFor();
    expect(await here.names()).toEqual(names);
    await here.look('files-offline');
  });

  step('started again, everything is there', async () => {
    const names = await here.names();
    await pc2.again();
    for (const window of [here, there]) await window.page.getByText('Your PC2 does not answer.').first().waitFor({ state: 'hidden' });
    await checkAll();
    expect(await here.names()).toEqual(names);
    const film = await there.up('Files').then(() => there.download(() => there.open(bigName)));
    expect(film).toEqual({ name: bigName, sha256: big });

    // The page is live again without a reload.
    await followed('After the fall', true, () => here.newFolder('After the fall'));
    await here.page.reload();
    await here.row('After the fall').waitFor();
    expect(await here.names()).toEqual(await there.names());
    await until('the pill says that all is well', async () => (await there.page.getByText('On this PC only.').count()) > 0);
  });

  step('signed out, the passphrase opens it again, and only the right one', async () => {
    await signOut(here);
    await here.look('sign-in');
    await here.secret('Passphrase').fill('not the passphrase');
    await here.button('Sign in').click();
    await here.says('This passphrase does not open the key.', 'alert');
    await signInWithPassphrase(here);
    await here.row('After the fall').waitFor();
  });

  step('nothing of it lies in clear on the disk or in the log', async () => {
    const secrets = new Map<string, Buffer>([
      ['the recovery phrase', Buffer.from(words.join(' '))],
      ['the passphrase', Buffer.from(passphrase)],
      ['the text of a file', await readFile(join(tree.root, 'Tagebuch/Woche 2/Tag 4.md'))],
      ['the first KiB of the film', (await readFile(join(stage.dir, bigName))).subarray(0, 1024)],
    ]);
    for (const browser of [here, there]) {
      const [cookie] = await browser.page.context().cookies();
      secrets.set(`the session of ${cookie?.name}`, Buffer.from(cookie?.value ?? ''));
    }
    for (const secret of secrets.values()) expect(secret.length).toBeGreaterThan(12);
    const files = (await readdir(pc2.data, { recursive: true, withFileTypes: true })).filter((f) => f.isFile()).map((f) => join(f.parentPath, f.name));
    expect(files.length).toBeGreaterThan(10);
    for (const file of [...files, pc2.logFile]) {
      const bytes = await readFile(file);
      for (const [what, secret] of secrets) expect(bytes.includes(secret), `${what} in ${file}`).toBe(false);
    }
  });

  async function checkAll(): Promise<void> {
    const home = await api.home(here);
    const found = await contentOf(here, home, 'Familie & Freunde');
    expect(found.folders.toSorted()).toEqual(tree.folders);
    expect(found.files).toEqual(tree.files);
  }
});
