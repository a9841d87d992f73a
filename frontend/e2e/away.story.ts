import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { expect } from 'vitest';
import { phone as phoneSize } from './parts/browser';
import type { Pc2 } from './parts/pc2';
import { enterByWallet } from './parts/person';
import { story } from './parts/stage';
import { fiftyFiles, type Tree } from './parts/tree';
import { Wallet } from './parts/wallet';
import type { Window } from './parts/window';

story('Away: the same files from anywhere', (stage, step) => {
  const own = new Wallet('Everyday Wallet');
  let pc2: Pc2;
  let home: Window;
  let away: Window;
  let tree: Tree;

  step('the window at home tells the address that the world knows', async () => {
    pc2 = await stage.node('alice');
    expect(pc2.gateway).toMatch(/^http:\/\/alice\.localhost:\d+$/);
    const browser = await stage.browser();
    await own.install(browser.context);
    home = await stage.window(browser, pc2.printed);
    await enterByWallet(home, own);
    await home.page.getByText(new URL(pc2.gateway ?? '').host, { exact: true }).waitFor();
    await home.page.getByText('Reachable from anywhere, through a relay.').waitFor({ state: 'attached' });
    await home.look('away-home');
  });

  step('a phone opens that address, and says where it stands', async () => {
    const browser = await stage.browser({ viewport: phoneSize, isMobile: true, hasTouch: true });
    away = await stage.window(browser, pc2.gateway ?? '');
    await away.heading(/^Sign in to /).waitFor();
    await away.page.getByText('From outside, through a relay').waitFor();
    await away.look('away-sign-in', { narrow: false });
  });

  step('it is let in by a code and two digits', async () => {
    await home.button(/^Account of /).click();
    await home.item('Pair a device…').click();
    const dialog = home.dialog('Pair a device');
    const code = (await dialog.getByText(/^Code: /).innerText()).replace(/^Code: /, '').replaceAll(' ', '');
    await away.button(/^Pair with a code/).click();
    await away.field('Code of ten letters and digits').fill(code);
    await away.button('Continue').click();
    await away.heading('Now look at the other device').waitFor();
    const number = (await away.page.getByText(/^Number \d\d$/).innerText()).slice('Number '.length);
    const choice = home.page.getByRole('group', { name: 'Numbers' }).getByRole('button', { name: number });
    await choice.and(home.page.locator(':enabled')).click();
    await away.shows('Documents');
    await away.look('away-files', { narrow: false });
  });

  step('a folder dropped from outside is at home within a second or so', async () => {
    tree = await fiftyFiles(stage.dir, 'Reise');
    const start = Date.now();
    const [seen] = await Promise.all([home.shows('Reise'), away.drop([tree.root])]);
    console.log(`the window at home followed after ${seen - start} ms`);
    expect(seen - start).toBeLessThan(5000);
    await away.page.getByText(/50 files/).first().waitFor();
  });

  step('what is made at home shows outside', async () => {
    const start = Date.now();
    const [seen] = await Promise.all([away.shows('From home'), home.newFolder('From home')]);
    console.log(`the window outside followed after ${seen - start} ms`);
    expect(seen - start).toBeLessThan(5000);
  });

  step('what is read from outside is the same, byte for byte', async () => {
    await away.enter('Reise');
    await away.enter('Photos');
    const name = 'IMG_0001.jpg';
    const got = await away.download(() => away.menu(name, 'Download'));
    const want = createHash('sha256').update(await readFile(`${tree.root}/Photos/${name}`)).digest('hex');
    expect(got.sha256).toBe(want);
  });

  step('the recovery phrase is not to be had from there', async () => {
    away.tolerate(/status of 403 .*\/api\/setup\/mnemonic/);
    const answer = await away.page.evaluate(async () => (await fetch('/api/setup/mnemonic', { headers: { 'X-PC2-Claim': '000000000000' } })).status);
    expect(answer).toBe(403);
  });
});
