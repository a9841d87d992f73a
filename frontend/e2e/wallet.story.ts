import { expect } from 'vitest';
import type { Pc2 } from './parts/pc2';
import { nameLater, seeWords, signOut } from './parts/person';
import { story } from './parts/stage';
import { Wallet } from './parts/wallet';
import type { Window } from './parts/window';

story('Wallet: an own key instead of a new one', (stage, step) => {
  const own = new Wallet('Everyday Wallet');
  const other = new Wallet('Someone else’s Wallet');
  let pc2: Pc2;
  let bare: Window;
  let window: Window;

  const choose = (wallet: Wallet) => window.page.getByRole('list', { name: 'Wallets in this browser' }).getByRole('button', { name: wallet.name });

  step('who loads the page again after seeing the words does not see them twice', async () => {
    pc2 = await stage.node();
    bare = await stage.window(await stage.browser(), pc2.printed);
    const words = await seeWords(bare);
    const [question] = await Promise.all([bare.page.waitForEvent('dialog'), bare.page.evaluate(() => void setTimeout(() => location.reload()))]);
    expect(question.type()).toBe('beforeunload');
    await question.accept();
    bare.tolerate(/status of 4\d\d .*\/api\/setup\/mnemonic/);
    await bare.button('Show my 24 words').click();
    await bare.heading('Somebody has already opened these words').waitFor();
    await bare.look('first-run-shown');

    // It was the same person, who has them on paper, and makes mistakes in typing.
    await bare.button('It was me, and I have them on paper').click();
    await bare.field('Recovery phrase').fill(words.slice(0, 23).join(' '));
    await bare.button('Continue').click();
    await bare.says('That is 23 words; a recovery phrase has 24.', 'alert');
    await bare.field('Recovery phrase').fill([...words.slice(0, 23), 'qwertz'].join(' '));
    await bare.button('Continue').click();
    await bare.says('“qwertz” (number 24) is not one of the words that PC2 uses. Check its spelling.', 'alert');
    await bare.look('first-run-enter');
    await bare.field('Recovery phrase').fill(words.join('\n'));
    await bare.button('Continue').click();
    await bare.heading('A passphrase for every day').waitFor();
  });

  step('without a wallet the page says what to do', async () => {
    bare.page.once('dialog', (question) => void question.accept());
    await bare.page.reload();
    await bare.button('Use it as your key').click();
    await bare.heading('No wallet was found in this browser').waitFor();
    await bare.look('first-run-no-wallet');
    await bare.page.context().close();
  });

  step('the claim code can be typed, in any case and with gaps', async () => {
    const browser = await stage.browser();
    await own.install(browser.context);
    await other.install(browser.context);
    window = await stage.window(browser, pc2.url);
    await window.heading('Is this your PC2?').waitFor();
    await window.field('Claim code').fill('ABC');
    await window.button('Continue').click();
    await window.says('A claim code has twelve letters and digits; this has 3.', 'alert');
    await window.look('first-run-claim');
    await window.field('Claim code').fill((pc2.claim ?? '').toLowerCase().replace(/(.{4})/g, '$1 - '));
    await window.button('Continue').click();
    await window.heading('First, your key').waitFor();
  });

  step('a no in the wallet is not an error, and changes nothing', async () => {
    await window.button('Use it as your key').click();
    await choose(own).waitFor();
    await choose(other).waitFor();
    await window.look('first-run-wallet');
    own.refuses = true;
    await choose(own).click();
    await window.says('You said no in the wallet. Nothing was signed.', 'alert');
    expect(own.asked).toEqual([]);
  });

  step('one signature makes the wallet’s holder the owner', async () => {
    await choose(own).click();
    await nameLater(window);
    expect(own.asked).toHaveLength(1);
    expect(own.asked[0]).toContain(`${new URL(pc2.url).host} wants you to sign in with your Ethereum account`);
    expect(pc2.log()).not.toContain('level=ERROR');
  });

  step('signed out, the files are out of reach, also by the back button', async () => {
    await signOut(window);
    await window.look('sign-in-wallet');
    const status = await window.page.evaluate(async () => (await fetch('/readdir', { method: 'POST', body: '{"path":"~"}', headers: { 'Content-Type': 'application/json' } })).status);
    expect(status).toBe(401);
    window.tolerate(/status of 401 .*\/readdir/);
    await window.page.reload();
    await window.heading(/^Sign in to /).waitFor();
  });

  step('another wallet is refused with a sentence', async () => {
    await choose(other).click();
    await window.says('This key has no place on this PC2. Ask its owner to invite you.', 'alert');
    window.tolerate(/status of 403 .*\/auth\/particle/);
    await window.look('sign-in-refused');
  });

  step('the owner’s wallet opens it again', async () => {
    await choose(own).click();
    await window.heading('Files').waitFor();
    expect(await window.names()).toEqual(['Desktop', 'Documents', 'Pictures', 'Public', 'Videos']);
  });

  step('the recovery phrase is shown to the owner, after a signature for that alone', async () => {
    await window.button(/^Account of /).click();
    await window.page.getByRole('menu').getByText('Owner of this PC2').waitFor();
    await window.look('account-menu', { narrow: false });
    await window.item('Recovery phrase…').click();
    const dialog = window.dialog('Recovery phrase');
    await window.look('recovery-phrase-ask');
    await dialog.getByRole('button', { name: other.name }).click();
    await window.says(/^The wallet gave another account\. Choose 0x/, 'alert');
    await dialog.getByRole('button', { name: own.name }).click();
    await dialog.getByRole('listitem').nth(23).waitFor();
    await window.look('recovery-phrase');
    expect(own.asked.at(-1)).toContain('recovery-phrase');
    await window.page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'hidden' });
  });
});
