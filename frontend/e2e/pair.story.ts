import { expect } from 'vitest';
import { phone as phoneSize, type Browser } from './parts/browser';
import type { Pc2 } from './parts/pc2';
import { enterByWallet } from './parts/person';
import { story } from './parts/stage';
import { until } from './parts/until';
import { Wallet } from './parts/wallet';
import type { Window } from './parts/window';

const android = 'Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Mobile Safari/537.36';
const windows = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36';
const asked = 'Which number does it show?';
const denied = 'The other device said no, or another number was picked there. This browser was not let in. To try again, make a new code there.';
const unknown = 'This code is wrong, was used already or is too old. Compare it with the other device, or make a new one there.';

story('Pair: a phone without a key', (stage, step) => {
  const own = new Wallet('Everyday Wallet');
  let pc2: Pc2;
  let browser: Browser;
  let here: Window;
  let tab: Window;
  let phone: Window;
  let laptop: Window;
  let used: string;

  /** Opens the dialog with a code on the first device. Returns the code. */
  async function makeCode(): Promise<string> {
    await here.button(/^Account of /).click();
    await here.item('Pair a device…').click();
    return shownCode();
  }

  async function shownCode(): Promise<string> {
    const text = await here.dialog('Pair a device').getByText(/^Code: /).innerText();
    const code = text.replace(/^Code: /, '').replaceAll(' ', '');
    expect(code).toMatch(/^[0-9A-HJKMNP-TV-Z]{10}$/);
    return code;
  }

  async function enterCode(code: string): Promise<void> {
    await phone.field('Code of ten letters and digits').fill(code);
    await phone.button('Continue').click();
  }

  /** The two digits that the phone shows. */
  async function digits(): Promise<string> {
    await phone.heading('Now look at the other device').waitFor();
    const text = await phone.page.getByText(/^Number \d\d$/).innerText();
    return text.slice('Number '.length);
  }

  const choices = (window: Window) => window.page.getByRole('group', { name: 'Numbers' }).getByRole('button');
  const devices = (window: Window) => window.page.getByRole('list', { name: 'Signed in' }).getByRole('listitem');

  async function toDevices(window: Window): Promise<void> {
    await window.button(/^Account of /).click();
    await window.item('Devices and sessions').click();
    await window.heading('Devices and sessions').waitFor();
  }

  step('a phone opens the page, and has no key', async () => {
    pc2 = await stage.node();
    browser = await stage.browser();
    await own.install(browser.context);
    here = await stage.window(browser, pc2.printed);
    await enterByWallet(here, own);
    const second = await stage.browser({ viewport: phoneSize, isMobile: true, hasTouch: true, userAgent: android });
    phone = await stage.window(second, pc2.url);
    await phone.heading(/^Sign in to /).waitFor();
    await phone.heading('No key was found in this browser').waitFor();
    await phone.look('sign-in-pair', { narrow: false });
    await phone.button(/^Pair with a code/).click();
    await phone.heading('Pair this browser').waitFor();
    await phone.look('pair-enter', { narrow: false });
  });

  step('a code that nobody made is refused with a sentence', async () => {
    phone.tolerate(/status of 401 .*\/auth\/pair\/redeem/);
    await enterCode('0000000000');
    await phone.says(unknown, 'alert');
    await phone.look('pair-enter-unknown', { narrow: false });
  });

  step('the signed-in page shows a code and its picture', async () => {
    used = await makeCode();
    const dialog = here.dialog('Pair a device');
    await dialog.getByRole('img', { name: 'Picture of the code for a camera' }).waitFor();
    expect(await dialog.getByRole('timer').innerText()).toMatch(/^(5:00|4:\d\d)$/);
    await here.look('pair-show');
  });

  step('the phone shows two digits, and the first device asks for them', async () => {
    await enterCode(`${used.slice(0, 5).toLowerCase()} - ${used.slice(5)}`);
    const number = await digits();
    await phone.look('pair-wait', { narrow: false });
    const dialog = here.dialog(asked);
    await dialog.getByText('Chrome on Android at 127.0.0.1 wants to sign in. Pick the number that you see on it.').waitFor();
    const numbers = await choices(here).allInnerTexts();
    expect(numbers).toHaveLength(3);
    expect(new Set(numbers).size).toBe(3);
    expect(numbers).toContain(number);
    await choices(here).first().and(here.page.locator(':enabled')).waitFor();
    // A key that was meant for the page must not answer.
    await here.page.keyboard.press('Enter');
    await here.page.keyboard.press('Space');
    await here.look('pair-ask');
    expect(await dialog.isVisible()).toBe(true);
  });

  step('Deny is a no', async () => {
    phone.tolerate(/status of 403 .*\/auth\/pair\//, /status of 408 .*\/auth\/pair\//);
    await here.dialog(asked).getByRole('button', { name: 'Deny' }).click();
    await here.says('Chrome on Android was denied');
    await phone.says(denied, 'alert');
    await phone.look('pair-enter-denied', { narrow: false });
  });

  step('a code works once', async () => {
    await enterCode(used);
    await phone.says(unknown, 'alert');
  });

  step('a wrong number is a no, and says why', async () => {
    await enterCode(await makeCode());
    const number = await digits();
    here.tolerate(/status of 403 .*\/auth\/pair\/.*\/allow/);
    const wrong = (await choices(here).allInnerTexts()).find((n) => n !== number) ?? '';
    await choices(here).filter({ hasText: wrong }).click();
    const dialog = here.dialog('Denied: it shows another number');
    await dialog.getByText(`Chrome on Android does not show ${wrong}, so it was not let in`).waitFor();
    await here.look('pair-wrong');
    await phone.says(denied, 'alert');
    expect(await phone.page.evaluate(async () => (await fetch('/auth/list-sessions')).status)).toBe(401);
    phone.tolerate(/status of 401 .*\/auth\/list-sessions/);
    await dialog.getByRole('button', { name: 'Make a new code' }).click();
  });

  step('the address in the picture brings the code, which leaves the address at once', async () => {
    const code = await shownCode();
    await here.page.keyboard.press('Escape');
    await phone.go(`${pc2.url}/#pair=${code}`);
    await phone.page.getByText('The address that you opened brought a code.').waitFor();
    await until('the address has no code', () => phone.page.url() === `${pc2.url}/`);
    await phone.look('pair-scanned', { narrow: false });
    tab = await stage.window(browser, `${pc2.url}/settings/devices`);
    await tab.heading('Devices and sessions').waitFor();
    await devices(tab).first().waitFor();
    // Its socket is there a moment after its list.
    await tab.page.waitForTimeout(1000);
    await phone.button('Continue').click();
  });

  step('each page of the session asks, and the right number lets the phone in', async () => {
    const number = await digits();
    await tab.dialog(asked).waitFor();
    await choices(here).filter({ hasText: number }).click();
    await here.says('Chrome on Android is let in');
    await tab.dialog(asked).waitFor({ state: 'hidden' });
    await phone.heading('Files').waitFor();
    expect(await phone.names()).toEqual(await here.names());
    expect(await phone.page.evaluate(() => document.cookie)).toBe('');
    await here.newFolder('For the phone');
    await phone.row('For the phone').waitFor();
  });

  step('it stays signed in after a reload, and a further code does nothing there', async () => {
    await phone.page.reload();
    await phone.row('For the phone').waitFor();
    await phone.page.evaluate(() => (location.hash = '#pair=0000000000'));
    await phone.says('This browser is signed in already. The code was not used.');
    expect(phone.page.url()).not.toContain('pair');
  });

  step('the devices tell who is in, and how', async () => {
    await toDevices(here);
    const [first = '', second = ''] = await until('two devices', async () => {
      const texts = await devices(here).allInnerTexts();
      return texts.length === 2 ? texts : null;
    });
    expect(first).toMatch(/^Chrome on Linux\s+This one\s+127\.0\.0\.1 · with a key · since today \d\d:\d\d$/);
    expect(second).toMatch(/^Chrome on Android\s+127\.0\.0\.1 · paired · used in the last minutes\s+Sign out$/);
    await here.look('devices');
  });

  step('one ended in another window leaves the list by itself', async () => {
    const third = await stage.browser({ userAgent: windows });
    await own.install(third.context);
    laptop = await stage.window(third, pc2.url);
    await signInWithWallet();
    await devices(here).nth(2).waitFor();
    await here.look('devices-three');

    await toDevices(phone);
    await phone.look('devices-on-phone', { narrow: false });
    await phone.button('Sign out Chrome on Windows').click();
    await phone.says('Chrome on Windows is signed out');
    await laptop.says('This browser was signed out, in another window or from another device.');
    await until('the list is shorter', async () => (await devices(here).count()) === 2);
    await signInWithWallet();
  });

  step('all others are ended after one question', async () => {
    await devices(here).nth(2).waitFor();
    await here.button('Sign out all others').click();
    const dialog = here.dialog('Sign out the other 2 browsers?');
    await here.look('devices-end-all');
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    await here.button('Sign out all others').click();
    await dialog.getByRole('button', { name: 'Sign out all others' }).click();
    await here.says('2 browsers are signed out');
    for (const window of [phone, laptop]) await window.says('This browser was signed out, in another window or from another device.');
    await here.page.getByText('No other browser is signed in.').waitFor();
    await here.page.goBack();
    await here.heading('Files').waitFor();
  });

  step('guessing ends soon', async () => {
    phone.tolerate(/status of 429 .*\/auth\/pair\/redeem/);
    await phone.button(/^Pair with a code/).click();
    const said = phone.page.getByRole('alert').filter({ hasText: /^(Too many tries|This code is wrong)/ });
    const minutes = /^Too many tries\. Wait \d+ minutes, then try again\.$/;
    for (let wrong = 0; wrong < 6 && !minutes.test(await said.allInnerTexts().then((x) => x[0] ?? '')); ) {
      await enterCode(`000000000${wrong}`);
      await said.waitFor();
      const seconds = Number(/Wait (\d+) second/.exec(await said.innerText())?.[1] ?? 0);
      // Five a minute at most, right ones included; that alone would make it long, but not end it.
      if (seconds > 0) await phone.page.waitForTimeout(seconds * 1000);
      else wrong++;
    }
    await phone.says(minutes, 'alert');
    // Not the owner's devices: only who guesses is kept out.
    await makeCode();
  });

  async function signInWithWallet(): Promise<void> {
    await laptop.button(own.name).click();
    await laptop.heading('Files').waitFor();
  }
});
