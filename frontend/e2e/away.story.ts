import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { phone as phoneSize } from './parts/browser';
import { life, type People } from './parts/life';
import type { Pc2 } from './parts/pc2';
import { enterByWallet } from './parts/person';
import { story } from './parts/stage';
import { Wallet } from './parts/wallet';
import type { Window } from './parts/window';

story('Away: the same day, through gateway and relay', (stage, step) => {
  const own = new Wallet('Everyday Wallet');
  let pc2: Pc2;
  let here: Window;
  let phone: Window;
  let host: string;
  const people: People = {
    get pc2() {
      return pc2;
    },
    get here() {
      return here;
    },
    get there() {
      return phone;
    },
  };

  step('the window at home tells the address that the world knows', async () => {
    pc2 = await stage.node('alice');
    expect(pc2.gateway).toMatch(/^http:\/\/alice\.localhost:\d+$/);
    host = new URL(pc2.gateway ?? '').host;
    const browser = await stage.browser();
    await own.install(browser.context);
    here = await stage.window(browser, pc2.printed);
    await enterByWallet(here, own);
    await here.page.getByText(host, { exact: true }).waitFor();
    await here.page.getByText('Reachable by its address, on this PC only').waitFor({ state: 'attached' });
    await here.look('away-home');
  });

  step('at that address a signature is good for that address', async () => {
    await here.go(pc2.gateway ?? '');
    await here.heading(/^Sign in to /).waitFor();
    await here.page.getByText(/From outside$/).waitFor();
    await here.button(own.name).click();
    await here.heading('Files').waitFor();
    expect(own.asked.at(-1)).toContain(`${host} wants you to sign in with your Ethereum account`);
  });

  step('a phone opens it, and says where it stands', async () => {
    const browser = await stage.browser({ viewport: phoneSize, isMobile: true, hasTouch: true });
    phone = await stage.window(browser, pc2.gateway ?? '');
    await phone.heading(/^Sign in to /).waitFor();
    await phone.page.getByText(/From outside$/).waitFor();
    await phone.look('away-sign-in', { narrow: false });
  });

  step('it is let in by a code and two digits', async () => {
    await here.button(/^Account of /).click();
    await here.item('Pair a device…').click();
    const dialog = here.dialog('Pair a device');
    const code = (await dialog.getByText(/^Code: /).innerText()).replace(/^Code: /, '').replaceAll(' ', '');
    await phone.button(/^Pair with a code/).click();
    await phone.field('Code of ten letters and digits').fill(code);
    await phone.button('Continue').click();
    await phone.heading('Now look at the other device').waitFor();
    const number = (await phone.page.getByText(/^Number \d\d$/).innerText()).slice('Number '.length);
    const choice = here.page.getByRole('group', { name: 'Numbers' }).getByRole('button', { name: number });
    await choice.and(here.page.locator(':enabled')).click();
    await phone.shows('Documents');
    await phone.look('away-files', { narrow: false });
    expect(await phone.names()).toEqual(await here.names());
  });

  life(stage, step, people, { pictures: 'away', phone: true, gateway: true, well: 'Reachable by its address, on this PC only' });

  step('what the phone drops is seen, too', async () => {
    // Beside the rows: on one of them it would go into that folder.
    const note = join(stage.dir, 'Unterwegs.txt');
    await writeFile(note, 'Gruß aus dem Zug');
    const start = Date.now();
    const [seen] = await Promise.all([here.shows('Unterwegs.txt'), phone.drop([note], phone.page.getByText(/^\d+ folders, \d+ files$/))]);
    console.log(`the other window followed after ${seen - start} ms`);
    await phone.upload('Unterwegs.txt').getByText('Verified').waitFor();
    await phone.look('away-uploads', { narrow: false });
  });

  step('the recovery phrase is not to be had from there', async () => {
    phone.tolerate(/status of 403 .*\/api\/setup\/mnemonic/);
    const answer = await phone.page.evaluate(async () => (await fetch('/api/setup/mnemonic', { headers: { 'X-PC2-Claim': '000000000000' } })).status);
    expect(answer).toBe(403);
  });

  step('and at home all of it is there', async () => {
    const names = await phone.names();
    await here.go(pc2.url);
    await here.heading('Files').waitFor();
    expect(await here.names()).toEqual(names);
  });
});
