import { expect } from 'vitest';
import { phone as phoneSize } from './parts/browser';
import { enterByWallet } from './parts/person';
import type { Pc2, Super } from './parts/pc2';
import { story } from './parts/stage';
import { until } from './parts/until';
import { Wallet } from './parts/wallet';
import type { Window } from './parts/window';

const stations = (window: Window) => window.page.getByRole('region', { name: 'How your PC2 is reached now' }).getByRole('listitem');
const told = async (window: Window) => (await stations(window).allInnerTexts()).map((text) => text.replace(/\s+/g, ' ').trim());
const measured = (window: Window, hops: number) => until('the hops are measured', async () => (await told(window)).filter((s) => / ms to /.test(s)).length === hops);
const toNetwork = (window: Window) => window.page.getByRole('link', { name: 'Network', exact: true }).click();
const phone = { viewport: phoneSize, isMobile: true, hasTouch: true };

story('Network: how a PC2 is reached', (stage, step) => {
  const own = new Wallet('Everyday Wallet');
  let superNode: Super;
  let pc2: Pc2;
  let home: Window;
  let away: Window;
  let address: string;

  step('at home it shows both ways: this window’s, and the one from outside', async () => {
    superNode = await stage.superNode();
    pc2 = await stage.node('alice', { network: superNode });
    const browser = await stage.browser();
    await own.install(browser.context);
    home = await stage.window(browser, pc2.printed);
    await enterByWallet(home, own);
    await toNetwork(home);
    await home.heading('Network').waitFor();
    await home.says('Reachable through a relay.');
    await home.says(/Tested just now: its address answered in (< 1|\d+) ms\./);
    await home.button('Test again').waitFor();
    address = (await home.page.getByText(/^alice\.localhost:\d+$/).first().innerText()).trim();
    await measured(home, 2);
    const [browserHere, pc, others, relay] = await told(home);
    expect(browserHere).toMatch(/^This browser Chrome on Linux (< 1|\d+) ms to This PC$/);
    expect(pc).toBe(`This PC ${address}`);
    expect(others).toBe('Other browsers By its address');
    expect(relay).toMatch(/^Relay On this PC, in use (< 1|\d+) ms to This PC$/);
    await home.page.getByText('What this window sends stays on this PC').waitFor();
    await home.page.getByText('What comes by its address is not locked').waitFor();
    await home.look('network-home');
  });

  step('the technical words are folded away', async () => {
    const node = home.page.getByText(/^did:boson:/);
    expect(await node.isVisible()).toBe(false);
    await home.page.getByText('Technical', { exact: true }).click();
    await node.waitFor();
    await home.page.getByText(/^alice, seq \d+$/).waitFor();
    await home.page.getByText(/there and back/).scrollIntoViewIfNeeded();
    await home.look('network-technical');
    await home.page.getByText('Technical', { exact: true }).click();
  });

  step('from outside there is one way, and it is lit', async () => {
    const browser = await stage.browser(phone);
    await own.install(browser.context);
    away = await stage.window(browser, `http://${address}`);
    await away.button(own.name).click();
    await away.heading('Files').waitFor();
    await away.page.getByRole('navigation', { name: 'Main, small screen' }).getByRole('link', { name: 'Network' }).click();
    await away.says('You are connected through a relay.');
    await measured(away, 2);
    const [browserThere, relay, pc] = await told(away);
    expect(browserThere).toMatch(/^This browser Chrome on \w+ (< 1|\d+) ms to Relay$/);
    expect(relay).toMatch(/^Relay On this PC, in use (< 1|\d+) ms to Your PC$/);
    expect(pc).toBe(`Your PC ${address}`);
    expect(await stations(away).count()).toBe(3);
    await away.button('Test again').click();
    await away.says(/Tested just now: its address answered in (< 1|\d+) ms\./);
    await away.look('network-away', { narrow: false });
  });

  step('a super node that is gone shows at once at home, and where it leads from outside', async () => {
    for (const window of [home, away]) window.tolerate(/net::ERR_|WebSocket connection to|Failed to load resource|^answered 50\d/);
    await superNode.stop();
    await home.says('Not reachable from outside at the moment.');
    await away.says('Your PC2 does not answer.');
    await until('the phone sees that the relay is gone', async () => (await told(away)).includes('Relay Does not answer'));
    await away.look('network-away-silent', { narrow: false });
    await home.button('Test again').click();
    await home.says(/Tested just now: its address did not answer\./);
    await home.says('The relay does not answer.');
    expect((await told(home)).find((s) => s.startsWith('Relay'))).toBe('Relay Does not answer');
    await home.look('network-offline');
  });

  step('when it is back, both windows know without a reload', async () => {
    await superNode.start();
    await home.page.getByText('Reachable through a relay.').first().waitFor({ timeout: 60_000 });
    await away.page.getByText('You are connected through a relay.').first().waitFor({ timeout: 60_000 });
    await home.button('Test again').click();
    await home.says(/Tested just now: its address answered in/);
  });

  step('the name is changed in the settings, and all that is shown follows', async () => {
    await home.page.getByRole('link', { name: 'Change', exact: true }).click();
    await home.heading('Name').waitFor();
    await home.field('Name').fill('alice');
    await home.says('This is its name now.');
    await home.field('Name').fill('alice-at-home');
    await home.says(/^Free\./);
    await home.look('settings-name-change');
    await home.button('Take this name').click();
    const now = address.replace('alice', 'alice-at-home');
    await home.says(`Your address is ${now} now`);
    await home.page.getByRole('main').getByRole('link', { name: now }).waitFor();
    await toNetwork(home);
    await home.says('Reachable through a relay.');
    expect(await told(home)).toContain(`This PC ${now}`);
  });

  step('and the old address leads nowhere', async () => {
    away.tolerate(/status of 404/);
    const answer = await away.page.goto(`http://${address}/`);
    expect(answer?.status()).toBe(404);
  });
});

story('Network: a PC2 that needs no relay', (stage, step) => {
  const own = new Wallet('Everyday Wallet');
  let pc2: Pc2;
  let home: Window;
  let away: Window;

  step('at home the way from outside is drawn without one', async () => {
    pc2 = await stage.node('alice', { config: { server: { public_listen: '127.0.0.1:0' } } });
    const browser = await stage.browser();
    await own.install(browser.context);
    home = await stage.window(browser, pc2.printed);
    await enterByWallet(home, own);
    await toNetwork(home);
    await home.says('Reachable directly.');
    await measured(home, 2);
    const [, , others, service] = await told(home);
    expect(others).toBe('Other browsers By its address');
    expect(service).toMatch(/^Address service On this PC (< 1|\d+) ms to This PC$/);
    await home.page.getByText('It stands ready behind the direct way').waitFor();
    await home.look('network-direct');
  });

  step('and so it is from outside', async () => {
    const browser = await stage.browser(phone);
    await own.install(browser.context);
    away = await stage.window(browser, `${pc2.gateway}/network`);
    await away.button(own.name).click();
    await away.says('Reachable directly.');
    await measured(away, 2);
    expect((await told(away)).map((s) => s.replace(/(< 1|\d+) ms to .*/, 'to').split(' ').slice(0, 2).join(' '))).toEqual(['This browser', 'Address service', 'Your PC']);
    await away.look('network-direct-away', { narrow: false });
  });

  step('started again, it is met at the same place, and both windows see it', async () => {
    for (const window of [home, away]) window.tolerate(/net::ERR_|WebSocket connection to|Failed to load resource|^answered 50\d/);
    await pc2.kill9();
    for (const window of [home, away]) await window.says('Your PC2 does not answer.');
    const met = () => pc2.log().match(/msg=reachability .*path=direct/g)?.length ?? 0;
    const before = met();
    await pc2.again();
    await until('the node is met again', () => met() > before);
    for (const window of [home, away]) await window.page.getByText('Reachable directly.').first().waitFor({ timeout: 60_000 });
  });
});
