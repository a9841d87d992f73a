import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { api, contentOf } from './inside';
import type { Pc2 } from './pc2';
import type { Stage, Step } from './stage';
import { bigFile, fiftyFiles, type Tree } from './tree';
import { longPatience } from './until';
import type { Window } from './window';

const MiB = 1024 * 1024;
export const bigName = 'Hochzeit, ganzer Film.mp4';

/** One person with two windows, both signed in before this part of a story begins. */
export interface People {
  pc2: Pc2;
  /** Where things are done, on a wide screen. */
  here: Window;
  /** Where they are seen. */
  there: Window;
}

interface How {
  /** How names of its pictures begin. */
  pictures: string;
  /** The other window is as small as a phone. */
  phone: boolean;
  /** Both come through a gateway, which answers while the node does not. */
  gateway: boolean;
  /** What the address says when all is well. */
  well: string;
}

export interface Life {
  /** The fifty files. */
  tree: Tree;
}

/** A day with files, in steps of a story: the same wherever the windows are. */
export function life(stage: Stage, step: Step, people: People, how: How): Life {
  let tree: Tree;
  let big: string;
  const delays: number[] = [];

  /** Does it here, and tells how long the other window took to show it. */
  async function followed(name: string, shown: boolean, act: () => Promise<void>): Promise<void> {
    const start = Date.now();
    const [seen] = await Promise.all([people.there.shows(name, shown), act()]);
    delays.push(seen - start);
  }

  /** When the other window's row says this; a phone has no column for the size. */
  const thereIs = (name: string, text: string) => people.there.row(name).filter({ hasText: text }).waitFor().then(() => Date.now());

  step('a folder with 50 files is dropped into the page', async () => {
    tree = await fiftyFiles(stage.dir, 'Familie & Freunde');
    await followed('Familie & Freunde', true, () => people.here.drop([tree.root]));
    const row = people.here.upload('Familie & Freunde');
    await row.getByText('Verified').waitFor();
    expect(await row.innerText()).toContain('50 files');
    expect(await people.here.names()).toContain('Familie & Freunde');
  });

  step('one of 300 MiB shows its speed and the time left', async () => {
    const path = join(stage.dir, bigName);
    big = await bigFile(path, 300 * MiB);
    const told = people.here.tells('Uploads', /[\d.]+ of 315 MB · .*/);
    const start = Date.now();
    await people.here.drop([path]);
    await people.here.upload(bigName).getByText('Verified').waitFor({ timeout: longPatience });
    const seconds = (Date.now() - start) / 1000;
    console.log(`300 MiB in ${seconds.toFixed(1)} s, verified in the page`);
    const lines = await told();
    expect(lines.filter((l) => /^[\d.]+ of 315 MB · [\d.]+ [KMG]B\/s · \d+ (s|min) left$/.test(l)).length).toBeGreaterThan(0);
    const parts = lines.map((l) => Number.parseFloat(l));
    expect(parts).toEqual(parts.toSorted((a, b) => a - b));
  });

  step('the other window shows each change within a second', async () => {
    expect(await people.there.names()).toEqual(await people.here.names());
    await followed('Garden', true, () => people.here.newFolder('Garden'));
    await followed('Garden', false, () => people.here.rename('Garden', 'Garden plans'));
    await people.here.row('Garden plans').waitFor();
    await followed('Garden plans', false, async () => {
      await people.here.menu('Garden plans', 'Move to…');
      await people.here.page.getByRole('treeitem', { name: 'Documents', exact: true }).click();
      await people.here.dialog('Move “Garden plans”').getByRole('button', { name: 'Move', exact: true }).click();
    });
    await followed('Garden plans', true, () => people.here.undo('Moved “Garden plans” to Documents'));
    await followed('Garden plans', false, () => people.here.delete('Garden plans'));
    const note = join(stage.dir, 'Einkauf.txt');
    await writeFile(note, 'Milch');
    await followed('Einkauf.txt', true, () => people.here.drop([note]));
    await people.here.upload('Einkauf.txt').getByText('Verified').waitFor();
    await people.here.button('Clear the list').click();
    await writeFile(note, 'Milch und Brot');
    people.here.tolerate(/status of 409 .*\/write/);
    await people.here.drop([note]);
    const start = Date.now();
    const [seen] = await Promise.all([thereIs('Einkauf.txt', '14 B'), people.here.upload('Einkauf.txt').getByRole('button', { name: 'Replace', exact: true }).click()]);
    delays.push(seen - start);
    expect(await people.there.names()).toEqual(await people.here.names());

    await people.there.enter('Familie & Freunde');
    await people.there.page.getByText('5 folders, 18 files').waitFor();
    const [row, list] = [await people.there.row('Photos').boundingBox(), await people.there.page.getByRole('main').boundingBox()];
    expect(row?.width).toBeGreaterThan((list?.width ?? 0) - 20);
    await people.there.look(`${how.pictures}-folder`, { narrow: !how.phone });
    console.log(`the other window followed after ${delays.join(', ')} ms`);
    for (const ms of delays) expect(ms).toBeLessThan(5000);
  });

  step('what is downloaded is what was dropped, byte for byte', async () => {
    await checkAll();
    const film = await people.here.download(() => people.here.open(bigName));
    expect(film).toEqual({ name: bigName, sha256: big });

    // A whole marked folder's files, as a person takes them.
    await people.here.enter('Familie & Freunde');
    await people.here.enter('Tagebuch');
    await people.here.enter('Woche 1');
    for (const name of ['Tag 1.md', 'Tag 2.md', 'Tag 3.md']) await people.here.mark(name, 'Control');
    const got = await people.here.downloads(3, () => people.here.button('Download').click());
    expect(got).toEqual(new Map(['Tag 1.md', 'Tag 2.md', 'Tag 3.md'].map((n) => [n, tree.files.get(`Familie & Freunde/Tagebuch/Woche 1/${n}`)])));
    await people.here.button('Clear the selection').click();
    await people.here.up('Files');
  });

  step('kill -9: the page says that its PC2 does not answer, and keeps the list', async () => {
    const names = await people.here.names();
    for (const window of [people.here, people.there]) window.tolerate(/net::ERR_|WebSocket connection to/, ...(how.gateway ? [/status of 502/, /^answered 502/] : []));
    await people.pc2.kill9();
    for (const window of [people.here, people.there]) await window.says('Your PC2 does not answer.');
    await people.here.page.getByText(/trying again in \d+ s/).first().waitFor();
    expect(await people.here.names()).toEqual(names);
    await people.here.look(`${how.pictures}-offline`);
  });

  step('started again, everything is there', async () => {
    const names = await people.here.names();
    await people.pc2.again();
    for (const window of [people.here, people.there]) await window.page.getByText('Your PC2 does not answer.').first().waitFor({ state: 'hidden' });
    await checkAll();
    expect(await people.here.names()).toEqual(names);
    const film = await people.there.up('Files').then(() => people.there.download(() => people.there.menu(bigName, 'Download')));
    expect(film).toEqual({ name: bigName, sha256: big });

    // The page is live again without a reload.
    await followed('After the fall', true, () => people.here.newFolder('After the fall'));
    await people.here.page.reload();
    await people.here.row('After the fall').waitFor();
    expect(await people.here.names()).toEqual(await people.there.names());
    await people.there.page.getByText(how.well).first().waitFor({ state: 'attached' });
  });

  async function checkAll(): Promise<void> {
    const home = await api.home(people.here);
    const found = await contentOf(people.here, home, 'Familie & Freunde');
    expect(found.folders.toSorted()).toEqual(tree.folders);
    expect(found.files).toEqual(tree.files);
  }

  return {
    get tree() {
      return tree;
    },
  };
}
