import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { phone, type Browser } from './parts/browser';
import { api } from './parts/inside';
import type { Pc2 } from './parts/pc2';
import { enterByWallet } from './parts/person';
import { story } from './parts/stage';
import { bigFile } from './parts/tree';
import { until } from './parts/until';
import { Wallet } from './parts/wallet';
import type { Window } from './parts/window';

const MiB = 1024 * 1024;

story('Files: everything that is done with them', (stage, step) => {
  const wallet = new Wallet('Everyday Wallet');
  let pc2: Pc2;
  let browser: Browser;
  let window: Window;
  let keys: Window['page']['keyboard'];

  /** A file on this machine, as people have them. */
  const made = async (name: string, text: string): Promise<string> => {
    const path = join(stage.dir, name);
    await mkdir(join(path, '..'), { recursive: true });
    await writeFile(path, text);
    return path;
  };
  const upload = async (name: string, text: string) => {
    await window.drop([await made(name, text)]);
    await window.row(name).waitFor();
  };
  const text = (path: string) => api.text(window, path);

  step('an empty folder says what to do', async () => {
    pc2 = await stage.node();
    browser = await stage.browser();
    await wallet.install(browser.context);
    window = await stage.window(browser, pc2.printed);
    keys = window.page.keyboard;
    await enterByWallet(window, wallet);
    await window.enter('Documents');
    await window.heading('Nothing in here yet').waitFor();
    await window.look('files-empty');
  });

  step('a new folder; names that cannot be are refused while nothing is lost', async () => {
    await window.button('New folder').first().click();
    const dialog = window.dialog('New folder in Documents');
    await window.look('dialog-new-folder');
    for (const [name, why] of [
      ['  ', 'A name needs at least one letter or digit.'],
      ['a/b', 'A name cannot contain “/”.'],
      ['..', 'This name has a meaning of its own; choose another.'],
      ['x'.repeat(300), 'This name is too long.'],
    ] as const) {
      await window.field('Name').fill(name);
      await window.button('Create').click();
      await dialog.getByRole('alert').filter({ hasText: why }).waitFor();
    }
    await window.field('Name').fill('Recipes');
    await keys.press('Enter');
    await window.row('Recipes').waitFor();

    await window.newFolder('Garten & Balkon');
    await window.clear();
    await window.button('New folder').click();
    await window.field('Name').fill('Recipes');
    await keys.press('Enter');
    await dialog.getByRole('alert').filter({ hasText: '“Recipes” is already here. Choose another name.' }).waitFor();
    await keys.press('Escape');
    await dialog.waitFor({ state: 'hidden' });
    expect(await window.button('New folder').evaluate((b) => b === document.activeElement)).toBe(true);
  });

  step('files and folders are picked with the upload button', async () => {
    const [files] = await Promise.all([window.page.waitForEvent('filechooser'), window.choose('Upload', 'Upload files')]);
    await files.setFiles([await made('Recipe – crème brûlée.md', 'Six yolks.'), await made('garden-sensors.py', 'print(21)')]);
    await made('Picked/one.txt', 'one');
    await made('Picked/two/three.txt', 'three');
    const [folder] = await Promise.all([window.page.waitForEvent('filechooser'), window.choose('Upload', 'Upload a folder')]);
    await folder.setFiles(join(stage.dir, 'Picked'));
    await window.upload('Picked').getByText('Verified').waitFor();
    expect(await window.names()).toEqual(['Garten & Balkon', 'Picked', 'Recipes', 'garden-sensors.py', 'Recipe – crème brûlée.md']);
    expect(await text('Documents/Picked/two/three.txt')).toBe('three');
    expect(await text('Documents/Recipe – crème brûlée.md')).toBe('Six yolks.');
    await window.paste('Pasted.txt', 'from the clipboard');
    await window.row('Pasted.txt').waitFor();
    expect(await text('Documents/Pasted.txt')).toBe('from the clipboard');
    await window.delete('Pasted.txt');
  });

  step('renaming in the list, and taking it back', async () => {
    await window.menu('garden-sensors.py', 'Rename');
    await window.look('files-rename', { narrow: false });
    const field = window.field('New name of garden-sensors.py');
    // The ending stays when somebody types over the name.
    await keys.type('Garten');
    expect(await field.inputValue()).toBe('Garten.py');
    await field.fill('Recipes');
    await keys.press('Enter');
    await window.says('“Recipes” is already here. Choose another name.', 'alert');
    window.tolerate(/status of 409 .*\/rename/);
    await field.fill('Garten.py');
    await keys.press('Enter');
    await window.row('Garten.py').waitFor();
    await window.undo('Renamed to “Garten.py”');
    await window.row('garden-sensors.py').waitFor();
    await window.row('Garten.py').waitFor({ state: 'hidden' });
  });

  step('moving with the dialog, into a folder that is made there', async () => {
    await window.menu('garden-sensors.py', 'Move to…');
    const dialog = window.dialog('Move “garden-sensors.py”');
    await window.look('dialog-move');
    // It is in Documents already.
    expect(await dialog.getByRole('button', { name: 'Move', exact: true }).isDisabled()).toBe(true);
    await window.page.getByRole('treeitem', { name: 'Garten & Balkon', exact: true }).click();
    await dialog.getByRole('button', { name: 'New folder' }).click();
    await dialog.getByRole('textbox').fill('Sensoren');
    await keys.press('Enter');
    await window.page.getByRole('treeitem', { name: 'Sensoren', exact: true, selected: true }).waitFor();
    await dialog.getByRole('button', { name: 'Move', exact: true }).click();
    await window.row('garden-sensors.py').waitFor({ state: 'hidden' });
    expect(await text('Documents/Garten & Balkon/Sensoren/garden-sensors.py')).toBe('print(21)');
    await window.undo('Moved “garden-sensors.py” to Sensoren');
    await window.row('garden-sensors.py').waitFor();
  });

  step('moving by dragging: onto a folder, and onto the path above the list', async () => {
    await window.clear();
    await window.row('garden-sensors.py').dragTo(window.row('Recipes'));
    await window.says('Moved “garden-sensors.py” to Recipes');
    await window.row('garden-sensors.py').waitFor({ state: 'hidden' });
    await window.enter('Recipes');
    await window.row('garden-sensors.py').dragTo(window.crumb('Documents'));
    await window.row('garden-sensors.py').waitFor({ state: 'hidden' });
    await window.heading('Nothing in here yet').waitFor();
    await window.up('Documents');
    await window.row('garden-sensors.py').waitFor();
  });

  step('files dropped on a folder of the list go into it', async () => {
    await window.drop([await made('Apfelkuchen.md', 'Fünf Äpfel.')], window.row('Recipes'));
    await window.upload('Apfelkuchen.md').getByText('Verified').waitFor();
    expect(await text('Documents/Recipes/Apfelkuchen.md')).toBe('Fünf Äpfel.');
    expect(await window.names()).not.toContain('Apfelkuchen.md');
  });

  step('copying: here, and elsewhere', async () => {
    await window.menu('garden-sensors.py', 'Copy to…');
    await window.dialog('Copy “garden-sensors.py”').getByRole('button', { name: 'Copy', exact: true }).click();
    await window.row('garden-sensors (1).py').waitFor();
    await window.menu('Picked', 'Copy to…');
    await window.page.getByRole('treeitem', { name: 'Recipes', exact: true }).click();
    await window.dialog('Copy “Picked”').getByRole('button', { name: 'Copy', exact: true }).click();
    await window.says('Copied “Picked” to Recipes');
    expect(await text('Documents/Recipes/Picked/two/three.txt')).toBe('three');
    expect(await text('Documents/Picked/two/three.txt')).toBe('three');
    expect(await text('Documents/garden-sensors (1).py')).toBe('print(21)');
  });

  step('deleting asks first, and the harmless answer is at hand', async () => {
    await window.menu('garden-sensors (1).py', 'Delete');
    const dialog = window.dialog('Delete “garden-sensors (1).py”?');
    await dialog.getByText('It is deleted for good and cannot be brought back.').waitFor();
    await window.look('dialog-delete');
    await keys.press('Enter');
    await dialog.waitFor({ state: 'hidden' });
    await window.delete('garden-sensors (1).py');

    await window.mark('Picked');
    await window.mark('garden-sensors.py', 'Control');
    await window.look('files-selected');
    await window.button('Delete').click();
    await window.dialog('Delete 2 items?').getByRole('button', { name: 'Delete for good' }).click();
    await window.row('Picked').waitFor({ state: 'hidden' });
    expect(await window.names()).toEqual(['Garten & Balkon', 'Recipes', 'Recipe – crème brûlée.md']);
    expect(await api.status(window, 'Documents/Picked/one.txt')).toBe(404);
    window.tolerate(/status of 404 .*\/read/);
  });

  step('what PC2 needs where it is cannot be moved, renamed or deleted', async () => {
    await window.clear();
    await window.up('Files');
    await window.button('More for Public').click();
    for (const name of ['Move to…', 'Rename', 'Delete']) {
      expect(await window.item(name).getAttribute('aria-disabled')).toBe('true');
      expect(await window.item(name).getAttribute('title')).toBe('PC2 needs this folder where it is');
    }
    await window.look('files-menu', { narrow: false });
    await keys.press('Escape');
    await window.clear();
    await window.enter('Documents');
  });

  step('a name that is taken: keep both, replace, skip', async () => {
    window.tolerate(/status of 409 .*\/(move|copy|write)/);
    await window.newFolder('Altes');
    await window.clear();
    for (const name of ['Keep.txt', 'Replace.txt', 'Skip.txt']) {
      await upload(name, `old ${name}`);
      await window.row(name).dragTo(window.row('Altes'));
      await window.row(name).waitFor({ state: 'hidden' });
      await upload(name, `new ${name}`);
    }
    for (const [name, answer] of [['Keep.txt', 'Keep both'], ['Replace.txt', 'Replace'], ['Skip.txt', 'Skip']] as const) {
      await window.row(name).dragTo(window.row('Altes'));
      const dialog = window.dialog(`“${name}” is already there`);
      if (answer === 'Keep both') await window.look('dialog-conflict');
      await dialog.getByRole('button', { name: answer }).click();
      await dialog.waitFor({ state: 'hidden' });
      if (answer !== 'Skip') await window.row(name).waitFor({ state: 'hidden' });
    }
    expect(await text('Documents/Altes/Keep.txt')).toBe('old Keep.txt');
    expect(await text('Documents/Altes/Keep (1).txt')).toBe('new Keep.txt');
    expect(await text('Documents/Altes/Replace.txt')).toBe('new Replace.txt');
    expect(await text('Documents/Altes/Skip.txt')).toBe('old Skip.txt');
    expect(await text('Documents/Skip.txt')).toBe('new Skip.txt');
  });

  step('the same question for uploads, answered once for the rest', async () => {
    await window.clear();
    await window.enter('Altes');
    await window.button('Clear the list').click();
    await window.drop([await made('Keep.txt', 'third'), await made('Replace.txt', 'third'), await made('Skip.txt', 'third')]);
    await window.upload('Keep.txt').getByText(/^A file of this name is here, from today \d\d:\d\d\.$/).waitFor();
    for (const name of ['Replace.txt', 'Skip.txt']) await window.upload(name).getByText('A file of this name is here').waitFor();
    await window.look('files-upload-asks');
    await window.upload('Keep.txt').getByRole('button', { name: 'Keep both', exact: true }).click();
    // What is answered goes below what still asks: buttons that move are not pressed.
    await window.upload('Keep.txt').getByText('Verified').waitFor();
    await window.upload('Skip.txt').getByRole('button', { name: 'Skip', exact: true }).click();
    await window.upload('Skip.txt').getByText('Skipped').waitFor();
    await window.upload('Replace.txt').getByRole('button', { name: 'Replace', exact: true }).click();
    await window.upload('Replace.txt').getByText('Verified').waitFor();
    expect(await window.names()).toEqual(['Keep.txt', 'Keep (1).txt', 'Keep (2).txt', 'Replace.txt', 'Skip.txt'].toSorted(new Intl.Collator(undefined, { numeric: true }).compare));
    expect(await text('Documents/Altes/Keep (2).txt')).toBe('third');
    expect(await text('Documents/Altes/Replace.txt')).toBe('third');
    expect(await text('Documents/Altes/Skip.txt')).toBe('old Skip.txt');
    await window.button('Clear the list').click();

    await window.drop([await made('Keep.txt', 'fourth'), await made('Replace.txt', 'fourth'), await made('Skip.txt', 'fourth')]);
    for (const name of ['Keep.txt', 'Replace.txt', 'Skip.txt']) await window.upload(name).getByText('A file of this name is here').waitFor();
    await window.upload('Keep.txt').getByRole('checkbox', { name: 'Do the same for the rest' }).check();
    await window.upload('Keep.txt').getByRole('button', { name: 'Replace', exact: true }).click();
    await window.dock.getByText('Verified').nth(2).waitFor();
    for (const name of ['Keep.txt', 'Replace.txt', 'Skip.txt']) expect(await text(`Documents/Altes/${name}`)).toBe('fourth');
    await window.button('Clear the list').click();
    await window.up('Documents');
  });

  step('an upload is cancelled half way, and nothing of it stays', async () => {
    const name = 'Sommerfest Band, live.wav';
    await bigFile(join(stage.dir, name), 80 * MiB);
    await halfWay(name);
    await window.look('files-upload');
    await window.button(`Cancel “${name}”`).click();
    await window.upload(name).waitFor({ state: 'hidden' });
    pc2.thaw();
    await upload('Danach.txt', 'after');
    expect(await window.names()).not.toContain(name);
    await window.button('Clear the list').click();
  });

  step('kill -9 half way: the upload waits, and goes on by itself', async () => {
    const name = 'Sommerfest Band, live.wav';
    window.tolerate(/net::ERR_|WebSocket connection to/);
    await halfWay(name);
    await pc2.kill9();
    await window.dock.getByText('Waiting until your PC2 is back').waitFor();
    await window.look('files-upload-offline');
    await pc2.again();
    // The page may have found it by itself by now.
    const back = window.upload(name).getByText('Verified');
    await window.button('Try now').or(back).first().click();
    await back.waitFor();
    await window.row(name).waitFor();
    await window.button('Clear the list').click();
  });

  step('a connection that breaks while the node lives: tried again, then Retry', async () => {
    const name = 'Oma erzählt, Teil 2.mp4';
    const path = await made(name, 'Es war einmal.');
    let broken = 1;
    await window.page.route('**/write?*', (route) => (broken-- > 0 ? route.abort('connectionreset') : route.continue()));
    await window.drop([path]);
    await window.upload(name).getByText('Verified').waitFor();
    await window.delete(name);

    broken = 99;
    await window.drop([path]);
    await window.button(`Retry ${name}`).waitFor();
    await window.upload(name).getByText('The connection broke at').waitFor();
    await window.look('files-upload-failed');
    await window.page.unroute('**/write?*');
    await window.button(`Retry ${name}`).click();
    await window.row(name).waitFor();
    expect(await text(`Documents/${name}`)).toBe('Es war einmal.');
    await window.button('Clear the list').click();
  });

  step('leaving the page or signing out while uploads run asks first', async () => {
    const name = 'tax-return-2024-complete.zip';
    await bigFile(join(stage.dir, name), 40 * MiB);
    await halfWay(name);
    const [question] = await Promise.all([window.page.waitForEvent('dialog'), window.page.evaluate(() => void setTimeout(() => location.reload()))]);
    expect(question.type()).toBe('beforeunload');
    await question.dismiss();
    await window.button(/^Account of /).click();
    await window.item('Sign out').click();
    const dialog = window.dialog('Uploads are still running');
    await dialog.getByText('Signing out stops them. What has arrived stays on your PC2.').waitFor();
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    pc2.thaw();
    await window.upload(name).getByText('Verified').waitFor();
    await window.button('Clear the list').click();
  });

  step('with the keyboard alone', async () => {
    await window.up('Files');
    await window.page.reload();
    await window.row('Documents').waitFor();
    await keys.press('Tab');
    await focusOn('Skip to content');
    await keys.press('Enter');
    await tabTo('New folder');
    await keys.press('Enter');
    await window.dialog('New folder in Files').waitFor();
    await keys.type('Tastatur');
    await keys.press('Enter');
    // The row may come before the answer that closes the dialog.
    await window.dialog('New folder in Files').waitFor({ state: 'hidden' });
    await window.row('Tastatur').waitFor();
    await selectedNow('Tastatur');

    // The list: arrows, letters, ranges.
    await tabTo('Tastatur');
    await keys.press('Home');
    await selectedNow('Desktop');
    await keys.press('ArrowDown');
    await selectedNow('Documents');
    await keys.press('Shift+ArrowDown');
    await selectedNow('Documents', 'Pictures');
    await keys.press('Control+a');
    await window.heading(/^6 selected/).waitFor();
    await keys.press('Escape');
    await window.heading('Files').waitFor();
    await keys.type('ta');
    await selectedNow('Tastatur');

    // Rename, open, go up.
    await keys.press('F2');
    await focusOn('New name of Tastatur');
    await keys.type('Nur Tasten');
    await keys.press('Enter');
    await selectedNow('Nur Tasten');
    // The new name may be there before the answer that closes the field.
    await focusOn('Nur Tasten');
    await keys.press('Enter');
    await window.heading('Nur Tasten').waitFor();
    await keys.press('Backspace');
    await window.heading('Files').waitFor();

    // The menu of a row and the dialog for moving.
    await walk('Desktop', 'Documents', 'Nur Tasten');
    await keys.press('Shift+F10');
    await window.page.getByRole('menu').waitFor();
    await focusOn('Open ↵');
    await keys.press('ArrowDown');
    await keys.press('Escape');
    await window.page.getByRole('menu').waitFor({ state: 'hidden' });
    await focusOn('Nur Tasten');
    await keys.press('Shift+F10');
    await focusOn('Open ↵');
    await keys.press('m');
    await focusOn('Move to… M');
    await keys.press('Enter');
    await window.dialog('Move “Nur Tasten”').waitFor();
    await window.page.getByRole('treeitem', { name: 'Documents', exact: true }).waitFor();
    await focusOn('Files');
    await keys.press('ArrowDown');
    await keys.press('ArrowDown');
    await window.page.getByRole('treeitem', { name: 'Documents', exact: true, selected: true }).waitFor();
    await keys.press('Enter');
    await window.says('Moved “Nur Tasten” to Documents');
    await window.row('Nur Tasten').waitFor({ state: 'hidden' });

    // Delete.
    await walk('Desktop', 'Documents');
    await keys.press('Enter');
    await window.heading('Documents').waitFor();
    await walk('Altes', 'Garten & Balkon', 'Nur Tasten');
    await keys.press('Delete');
    await window.dialog('Delete “Nur Tasten”?').waitFor();
    await focusOn('Cancel');
    await tabTo('Delete for good');
    await keys.press('Enter');
    await window.row('Nur Tasten').waitFor({ state: 'hidden' });
    await focusOn('Recipes');
  });

  step('columns sort, and say so', async () => {
    const size = window.page.getByRole('columnheader', { name: 'Size' });
    await size.getByRole('button').click();
    expect(await size.getAttribute('aria-sort')).toBe('descending');
    const files = (await window.names()).filter((n) => n.includes('.'));
    expect(files[0]).toBe('Sommerfest Band, live.wav');
    await size.getByRole('button').click();
    expect(await size.getAttribute('aria-sort')).toBe('ascending');
    await window.page.getByRole('columnheader', { name: 'Name' }).getByRole('button').click();
  });

  step('a folder that is slow, and one that cannot be read', async () => {
    await pc2.freeze();
    await window.row('Recipes').getByRole('link').click();
    await window.says('Opening the folder');
    await window.look('files-loading');
    pc2.thaw();
    await window.row('Apfelkuchen.md').waitFor();

    // The node has no reason to fail here; what stands between may have one.
    window.tolerate(/answered 500|status of 500/);
    await window.page.route('**/readdir', (route) => route.fulfill({ status: 500, json: { code: 'internal_error', message: 'Something went wrong.' } }), { times: 1 });
    await window.up('Documents');
    await window.heading('This folder could not be opened').waitFor();
    await window.look('files-error');
    await window.button('Try again').click();
    await window.row('Recipes').waitFor();
  });

  step('a folder that is gone, or goes while it is open', async () => {
    window.tolerate(/status of 404 .*\/readdir/);
    await window.page.goto(`${pc2.url}/files/Documents/Nowhere`);
    await window.heading('This folder is not here any more').waitFor();
    await window.look('files-gone');
    await window.button('Go to all files').click();
    await window.enter('Documents');
    await window.enter('Altes');
    const second = await stage.window(browser, `${pc2.url}/files/Documents`);
    await second.rename('Altes', 'Neues');
    await window.heading('Neues').waitFor();
    expect(decodeURI(window.page.url())).toBe(`${pc2.url}/files/Documents/Neues`);
    await second.delete('Neues');
    await window.says('“Neues” was deleted somewhere else');
    await window.heading('Documents').waitFor();
    await second.page.close();
    await window.page.bringToFront();
  });

  step('signed out in one window is signed out in the other', async () => {
    const second = await stage.window(browser, pc2.url);
    await second.heading('Files').waitFor();
    const cookies = await browser.context.cookies();
    await second.button(/^Account of /).click();
    await second.item('Sign out').click();
    await second.says('You are signed out.');
    await window.heading(/^Sign in to /).waitFor();
    // The old cookie is worth nothing, wherever it went.
    await browser.context.addCookies(cookies);
    window.tolerate(/status of 401/);
    expect(await api.status(window, 'Documents/Danach.txt')).toBe(401);
    await second.page.close();
    await window.page.bringToFront();
    await window.page.getByRole('button', { name: wallet.name }).click();
    await window.row('Recipes').waitFor();
  });

  step('without motion where none is wanted', async () => {
    await window.page.emulateMedia({ reducedMotion: 'reduce' });
    await window.button('New folder').click();
    await window.dialog('New folder in Documents').waitFor();
    const moving = await window.page.evaluate(() =>
      [...document.querySelectorAll('*')].flatMap((el) => {
        const style = getComputedStyle(el);
        const long = (list: string) => list.split(',').some((d) => Number.parseFloat(d) > 0.001);
        return long(style.transitionDuration) || (style.animationName !== 'none' && long(style.animationDuration)) ? [`${el.tagName}.${el.className}`] : [];
      }),
    );
    expect(moving).toEqual([]);
    await keys.press('Escape');
    await window.page.emulateMedia({ reducedMotion: null });
  });

  step('with a thumb on a phone', async () => {
    const pocket = await stage.browser({ viewport: phone, hasTouch: true, isMobile: true, deviceScaleFactor: 2 });
    await pocket.context.addCookies(await browser.context.cookies());
    const small = await stage.window(pocket, pc2.url);
    await small.row('Documents').getByText('Documents').tap();
    await small.heading('Documents').waitFor();
    await small.row('Danach.txt').getByText('Danach').tap();
    await small.heading('1 selected').waitFor();
    await small.button('Clear the selection').tap();
    await small.button('More for Danach.txt').tap();
    await small.look('phone-menu', { narrow: false });
    await small.item('Rename').tap();
    await small.field('New name of Danach.txt').fill('Unterwegs.txt');
    await small.page.keyboard.press('Enter');
    await small.row('Unterwegs.txt').waitFor();
    await window.row('Unterwegs.txt').waitFor();
    expect(await small.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)).toBe(0);
  });

  step('the page says so when its PC2 is not there at all', async () => {
    const late = await stage.window(browser, 'about:blank');
    await late.page.route('**/whoami', (route) => route.abort('connectionrefused'));
    late.tolerate(/net::ERR_CONNECTION_REFUSED/);
    await late.go(pc2.url);
    await late.heading('Your PC2 does not answer').waitFor();
    await late.look('unreachable');
    await late.page.unroute('**/whoami');
    await late.row('Documents').waitFor();
  });

  /** Uploads a file and holds the node still in the middle of it. */
  async function halfWay(name: string): Promise<void> {
    await window.uploadsAt(32 * MiB);
    await window.drop([join(stage.dir, name)]);
    const bar = window.dock.getByRole('progressbar', { name, exact: true });
    await until('a part of it was sent', async () => Number((await bar.count()) > 0 && (await bar.getAttribute('aria-valuenow'))) > 10);
    await pc2.freeze();
    await window.uploadsAt(null);
    expect(Number(await bar.getAttribute('aria-valuenow'))).toBeLessThan(100);
  }

  /** What has the focus, by what it is called. */
  function focused(): Promise<string> {
    return window.page.evaluate(() => {
      const el = document.activeElement;
      return el?.getAttribute('aria-label') ?? el?.textContent?.trim() ?? '';
    });
  }

  /** A button, a field, or the row of a file, which goes on with its dates. */
  const called = (now: string, name: string) => now.replace(/\s*(Today|Yesterday) \d\d:\d\d.*$/s, '') === name;

  /** The focus comes there by itself: after a choice, an answer, the end of a dialog. */
  async function focusOn(name: string): Promise<void> {
    let now = '';
    await until(`the focus is on “${name}”`, async () => called((now = await focused()), name)).catch((late: unknown) => {
      throw new Error(`the focus is on “${now}”`, { cause: late });
    });
  }

  async function tabTo(name: string): Promise<void> {
    const way: string[] = [];
    for (let n = 0; n < 25; n++) {
      const now = await focused();
      if (called(now, name)) return;
      way.push(now);
      await keys.press('Tab');
    }
    throw new Error(`Tab never came to “${name}”, but to ${way.join(' → ')}`);
  }

  /** From the top of the list to a row below, with arrows. */
  async function walk(...names: string[]): Promise<void> {
    await window.row(names.at(-1) ?? '').waitFor();
    await keys.press('ArrowDown');
    await keys.press('Home');
    for (const [n, name] of names.entries()) {
      if (n > 0) await keys.press('ArrowDown');
      await selectedNow(name);
    }
  }

  async function selectedNow(...names: string[]): Promise<void> {
    await until(`${names.join(', ')} is marked`, async () => {
      const rows = window.list.getByRole('row', { selected: true }).getByRole('checkbox');
      const marked = await rows.evaluateAll((boxes) => boxes.map((b) => b.getAttribute('aria-label')?.slice('Select '.length)));
      return marked.join('\n') === names.join('\n');
    });
  }
});
