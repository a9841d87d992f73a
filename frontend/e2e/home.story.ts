import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Browser } from './parts/browser';
import { bigName, life, type People } from './parts/life';
import type { Pc2 } from './parts/pc2';
import { answerThree, asked, choosePassphrase, nameLater, nameQuestion, passphrase, seeWords, signInWithPassphrase, signInWithWords, signOut } from './parts/person';
import { story } from './parts/stage';
import type { Window } from './parts/window';

story('Home: files of a newcomer', (stage, step) => {
  let pc2: Pc2;
  let browser: Browser;
  let here: Window;
  let there: Window;
  let words: string[];

  const people: People = {
    get pc2() {
      return pc2;
    },
    get here() {
      return here;
    },
    get there() {
      return there;
    },
  };

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
    await choosePassphrase(here, 'Finish', nameQuestion);
    await nameLater(here);
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

  const day = life(stage, step, people, { pictures: 'files', phone: false, gateway: false, well: 'On this PC only.' });

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
      ['the text of a file', await readFile(join(day.tree.root, 'Tagebuch/Woche 2/Tag 4.md'))],
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
});
