import { expect } from 'vitest';
import { enterByWallet, nameQuestion } from './parts/person';
import type { Pc2, Super } from './parts/pc2';
import { story } from './parts/stage';
import { until } from './parts/until';
import { Wallet } from './parts/wallet';
import type { Window } from './parts/window';

story('First run: a name, and a look from outside', (stage, step) => {
  const own = new Wallet('Everyday Wallet');
  let superNode: Super;
  let pc2: Pc2;
  let window: Window;

  step('after the key comes the name, and a reload comes back to it', async () => {
    superNode = await stage.superNode();
    const [neighbour, mine] = await Promise.all([stage.node('alice', { network: superNode }), stage.node('', { network: superNode })]);
    pc2 = mine;
    await until('the neighbour has the name alice', () => /name=alice/.test(neighbour.log()));
    const browser = await stage.browser();
    await own.install(browser.context);
    window = await stage.window(browser, pc2.printed);
    await window.button('Use it as your key').click();
    await window.button(own.name).click();
    await window.heading(nameQuestion).waitFor();
    await window.look('first-run-name-empty');
    await window.page.reload();
    await window.heading(nameQuestion).waitFor();
  });

  step('while somebody types it is said what can be had', async () => {
    const field = window.field('Name');
    const take = window.button('Take this name');
    await field.fill('al');
    await field.blur();
    await window.says('Too short. Three letters or more.');
    await field.fill('Alice & Bob');
    await window.says('Only letters a to z, digits and hyphens.');
    await field.fill('admin');
    await window.says('This name is kept for the service itself.');
    expect(await take.isDisabled()).toBe(true);
    await field.fill('ALICE');
    await window.says('Taken. These are free: my-alice, alice-pc, alice-home');
    expect(await take.isDisabled()).toBe(true);
    await window.look('first-run-name-taken');
    await window.button('alice-pc').click();
    await window.says(/^Free\. Your address will be alice-pc\.localhost:\d+$/);
    await window.look('first-run-name-free');
  });

  step('the name is taken, and the way in tried live', async () => {
    await window.button('Take this name').click();
    await window.heading('Your PC2 can be reached').waitFor();
    const lines = window.page.getByRole('list', { name: 'What was checked' }).getByRole('listitem');
    await until('all is checked', async () => (await lines.count()) === 4);
    const [relay, way, call, lock] = await lines.allInnerTexts();
    expect(relay).toMatch(/^This PC finds the relay\s+On this PC, (< 1|\d+) ms away$/);
    expect(way).toContain('The relay brings visitors to you');
    expect(call).toMatch(/^Your address leads to this PC\s+alice-pc\.localhost:\d+$/);
    expect(lock).toContain('What comes by its address is not locked');
    await window.look('first-run-reach');
  });

  step('a relay that is gone is told in plain words, and a reload looks again', async () => {
    window.tolerate(/net::ERR_/);
    await superNode.stop();
    await window.page.reload();
    await window.heading('Your PC2 cannot be reached yet').waitFor();
    await window.page.getByText('The relay does not answer').waitFor();
    await window.look('first-run-unreached');
  });

  step('when the relay is back, so is the good news, by itself', async () => {
    await superNode.start();
    await window.heading('Your PC2 can be reached').waitFor({ timeout: 60_000 });
    await window.button('Open my files').click();
    await window.heading('Files').waitFor();
    await window.page.getByText(/^alice-pc\.localhost:\d+$/).first().waitFor();
  });

  step('it was the first run once: no reload and no other browser is asked again', async () => {
    await window.page.reload();
    await window.heading('Files').waitFor();
    const second = await stage.browser();
    await own.install(second.context);
    const other = await stage.window(second, pc2.url);
    await other.button(own.name).click();
    await other.heading('Files').waitFor();
  });

  step('Later is an answer too', async () => {
    const nameless = await stage.node('', { network: superNode });
    const browser = await stage.browser();
    await own.install(browser.context);
    const later = await stage.window(browser, nameless.printed);
    await enterByWallet(later, own);
    await later.page.reload();
    await later.heading('Files').waitFor();
    await later.page.getByRole('navigation', { name: 'Main', exact: true }).getByRole('link', { name: 'Network' }).click();
    await later.page.getByText('Not reachable from outside.').waitFor();
    await later.look('network-nameless');
    await later.page.getByRole('link', { name: 'Give it a name' }).click();
    await later.heading('Name').waitFor();
    await later.look('settings-name');
  });
});
