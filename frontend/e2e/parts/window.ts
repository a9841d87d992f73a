import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import AxeBuilder from '@axe-core/playwright';
import type { CDPSession, ConsoleMessage, Download, Locator, Page, Request } from 'playwright-core';
import { desktop, phone, type Browser } from './browser';
import { sha256OfFile } from './tree';
import { patience } from './until';

/** Where pictures of every screen go; not set = none are taken. */
const pictures = process.env.SCREENSHOTS_DIR;

type Role = Parameters<Page['getByRole']>[0];

/** One window of the page, watched: what a person would call a fault in it is collected. */
export class Window {
  readonly #trouble: string[] = [];
  readonly #tolerated: RegExp[] = [];

  /** Where the page comes from: the only place that it may ask. */
  #origin = '';

  #network: CDPSession | undefined;

  private constructor(readonly page: Page) {
    page.on('console', (message) => this.#heard(message));
    page.on('pageerror', (error) => this.#trouble.push(`uncaught: ${error.stack ?? error}`));
    page.on('request', (request) => this.#asked(request));
    page.on('response', (answer) => answer.status() >= 500 && this.#trouble.push(`answered ${answer.status()}: ${answer.url()}`));
  }

  static async open(browser: Browser, address: string): Promise<Window> {
    const first = browser.context.pages()[0];
    const page = first && first.url() === 'about:blank' ? first : await browser.context.newPage();
    const window = new Window(page);
    // A tab behind others draws once a second.
    await page.bringToFront();
    await window.go(address);
    return window;
  }

  async go(address: string): Promise<void> {
    this.#origin = new URL(address).origin;
    await this.page.goto(address);
  }

  /** From now on this may be said in the console: it belongs to the story. */
  tolerate(...what: RegExp[]): void {
    this.#tolerated.push(...what);
  }

  /** Console errors, broken promises, violations of the content security policy, calls to other hosts. */
  takeTrouble(): string[] {
    return this.#trouble.splice(0).filter((line) => !this.#tolerated.some((t) => t.test(line)));
  }

  #heard(message: ConsoleMessage): void {
    if (message.type() !== 'error' && message.type() !== 'warning') return;
    this.#trouble.push(`console ${message.type()}: ${message.text()} (${message.location().url})`);
  }

  #asked(request: Request): void {
    const url = request.url();
    if (url.startsWith(`${this.#origin}/`) || /^(data|blob|about):/.test(url)) return;
    this.#trouble.push(`asked another host: ${url}`);
  }

  // Finding things as people do: by what they are and what they are called.

  button(name: string | RegExp): Locator {
    return this.page.getByRole('button', { name, exact: true });
  }

  heading(name: string | RegExp): Locator {
    return this.page.getByRole('heading', { name, exact: true });
  }

  field(name: string | RegExp): Locator {
    return this.page.getByRole('textbox', { name, exact: true });
  }

  /** A passphrase field: it has no role of its own, only its label. */
  secret(name: string): Locator {
    return this.page.getByLabel(name, { exact: true });
  }

  dialog(name: string | RegExp): Locator {
    return this.page.getByRole('dialog', { name, exact: true }).or(this.page.getByRole('alertdialog', { name, exact: true }));
  }

  item(name: string): Locator {
    return this.page.getByRole('menu').getByRole('menuitem', { name });
  }

  get list(): Locator {
    return this.page.getByRole('grid');
  }

  get dock(): Locator {
    return this.page.getByRole('region', { name: 'Uploads' });
  }

  /** The row of a file or folder in the list. */
  row(name: string): Locator {
    return this.list.getByRole('row').filter({ has: this.page.getByRole('checkbox', { name: `Select ${name}`, exact: true }) });
  }

  /** The row of an upload in the dock. */
  upload(name: string): Locator {
    return this.dock.getByRole('listitem').filter({ hasText: name });
  }

  async says(text: string | RegExp, role: Role = 'status'): Promise<void> {
    await this.page.getByRole(role).filter({ hasText: text }).first().waitFor();
  }

  /** The names in the list, in their order, once it is all there. */
  async names(): Promise<string[]> {
    await this.list.and(this.page.locator('[aria-busy="false"]')).waitFor();
    const labels = await this.list.getByRole('row').getByRole('checkbox').evaluateAll((boxes) => boxes.map((b) => b.getAttribute('aria-label') ?? ''));
    return labels.filter((l) => l.startsWith('Select ') && l !== 'Select all').map((l) => l.slice('Select '.length));
  }

  /** Marks one row, as a click beside its name does. */
  async mark(name: string, ...modifiers: ('Control' | 'Shift')[]): Promise<void> {
    await this.row(name).getByRole('gridcell').nth(2).click({ modifiers });
  }

  /** Marks nothing. */
  async clear(): Promise<void> {
    const clear = this.button('Clear the selection');
    if ((await clear.count()) > 0) await clear.click();
  }

  /** Opens the menu of a button and takes an item. */
  async choose(button: string, item: string): Promise<void> {
    await this.button(button).click();
    await this.item(item).click();
  }

  crumb(folder: string): Locator {
    return this.page.getByRole('navigation', { name: 'Folder' }).getByRole('link', { name: folder, exact: true });
  }

  async menu(name: string, item: string): Promise<void> {
    await this.button(`More for ${name}`).click();
    await this.item(item).click();
  }

  async enter(folder: string): Promise<void> {
    await this.row(folder).getByRole('link', { name: folder, exact: true }).click();
    await this.heading(folder).waitFor();
  }

  async up(folder: string): Promise<void> {
    await this.crumb(folder).click();
    await this.heading(folder).waitFor();
  }

  /** Opens a row as a double click does: a folder is entered, a file downloaded. */
  async open(name: string): Promise<void> {
    await this.row(name).getByRole('gridcell').nth(2).dblclick();
  }

  async newFolder(name: string): Promise<void> {
    await this.clear();
    await this.button('New folder').first().click();
    await this.field('Name').fill(name);
    await this.button('Create').click();
    await this.row(name).waitFor();
  }

  async rename(name: string, to: string): Promise<void> {
    await this.menu(name, 'Rename');
    await this.field(`New name of ${name}`).fill(to);
    await this.page.keyboard.press('Enter');
    await this.row(to).waitFor();
  }

  async delete(name: string): Promise<void> {
    await this.menu(name, 'Delete');
    await this.dialog(`Delete “${name}”?`).getByRole('button', { name: 'Delete for good' }).click();
    await this.row(name).waitFor({ state: 'hidden' });
  }

  /** Takes back what was said last. */
  async undo(said: string): Promise<void> {
    await this.says(said);
    await this.button('Undo').last().click();
  }

  /** Drops files and folders of this machine, through the browser's own drag and drop. */
  async drop(paths: string[], on: Locator = this.page.getByRole('main')): Promise<void> {
    await on.scrollIntoViewIfNeeded();
    const box = await on.boundingBox();
    if (!box) throw new Error('nothing to drop on');
    const at = { x: box.x + box.width / 2, y: box.y + box.height / 2 };
    const data = { items: [], files: paths, dragOperationsMask: 1 };
    const cdp = await this.page.context().newCDPSession(this.page);
    for (const type of ['dragEnter', 'dragOver', 'drop'] as const) await cdp.send('Input.dispatchDragEvent', { type, ...at, data });
    await cdp.detach();
  }

  /** Pastes a file, as after copying it in a file manager. */
  async paste(name: string, text: string): Promise<void> {
    await this.page.evaluate(
      ([name, text]) => {
        const data = new DataTransfer();
        data.items.add(new File([text], name));
        document.body.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));
      },
      [name, text] as const,
    );
  }

  /** Slows uploads down to so many bytes a second, so that there is a middle of them. */
  async uploadsAt(bytesPerSecond: number | null): Promise<void> {
    this.#network ??= await this.page.context().newCDPSession(this.page);
    await this.#network.send('Network.emulateNetworkConditions', { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: bytesPerSecond ?? -1 });
  }

  /** What arrives on the disk when a person downloads: its name and SHA-256. */
  async download(start: () => Promise<void>): Promise<{ name: string; sha256: string }> {
    const [download] = await Promise.all([this.page.waitForEvent('download', { timeout: patience }), start()]);
    return arrived(download);
  }

  async downloads(count: number, start: () => Promise<void>): Promise<Map<string, string>> {
    const all: Download[] = [];
    const enough = new Promise<void>((resolve) => {
      this.page.on('download', (d) => {
        all.push(d);
        if (all.length === count) resolve();
      });
    });
    await start();
    await enough;
    return new Map(await Promise.all(all.map(async (d) => { const a = await arrived(d); return [a.name, a.sha256] as const; })));
  }

  /** Collects the lines of a region that match, as they change. The answer tells them so far. */
  tells(region: string, line: RegExp): () => Promise<string[]> {
    const watching = this.page.evaluateHandle(
      ([region, source]) => {
        const wanted = new RegExp(`^${source}$`, 'u');
        const lines: string[] = [];
        const look = () => {
          for (const p of document.querySelectorAll(`section[aria-label="${region}"] li p`)) {
            const text = p.textContent?.trim() ?? '';
            if (wanted.test(text) && text !== lines.at(-1)) lines.push(text);
          }
        };
        new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });
        return lines;
      },
      [region, line.source] as const,
    );
    return async () => (await watching).jsonValue();
  }

  /** When a row of this window's list first tells this size. */
  showsSize(name: string, size: string): Promise<number> {
    return this.row(name).getByRole('gridcell', { name: size, exact: true }).waitFor().then(() => Date.now());
  }

  /** When this window's list first shows the name (or no longer does), by the clock of this machine. */
  shows(name: string, shown = true): Promise<number> {
    return this.page.evaluate(
      ([label, want]) =>
        new Promise<number>((resolve) => {
          const there = () => [...document.querySelectorAll('[role=grid] input[type=checkbox]')].some((b) => b.getAttribute('aria-label') === label);
          const look = () => {
            if (there() !== want) return;
            watch.disconnect();
            resolve(Date.now());
          };
          const watch = new MutationObserver(look);
          watch.observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true });
          look();
        }),
      [`Select ${name}`, shown] as const,
    );
  }

  /**
   * Looks at a screen as it stands: axe in light, in dark and at phone width, where nothing may scroll
   * sideways; and takes its pictures when they are wanted.
   */
  async look(name: string, { narrow = true }: { narrow?: boolean } = {}): Promise<void> {
    const { page } = this;
    await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
    await this.#inspect(name);
    await this.#uncovered(name);
    await page.emulateMedia({ colorScheme: 'dark', reducedMotion: 'reduce' });
    await this.#inspect(`${name}-dark`);
    await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
    if (narrow) {
      await page.setViewportSize(phone);
      await this.#inspect(`${name}-phone`);
      await this.#uncovered(name);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      if (wide > 0) throw new Error(`${name}: ${wide} px wider than a phone`);
      await page.setViewportSize(desktop);
    }
    await page.emulateMedia({ colorScheme: null, reducedMotion: null });
  }

  /** What is said in passing does not cover the uploads, where somebody may have to answer. */
  async #uncovered(name: string): Promise<void> {
    const [dock] = await this.dock.evaluateAll((all) => all.map((el) => el.getBoundingClientRect().toJSON() as DOMRect));
    if (!dock) return;
    const toasts = await this.button('Dismiss').evaluateAll((all) => all.map((el) => el.parentElement?.getBoundingClientRect().toJSON() as DOMRect));
    for (const toast of toasts) {
      const apart = toast.left >= dock.right || toast.right <= dock.left || toast.top >= dock.bottom || toast.bottom <= dock.top;
      if (!apart) throw new Error(`${name}: a message covers the uploads`);
    }
  }

  async #inspect(name: string): Promise<void> {
    // Legacy mode: no second page is opened; there are no frames to look into.
    const { violations } = await new AxeBuilder({ page: this.page }).setLegacyMode(true).analyze();
    const bad = violations.filter((v) => v.impact === 'serious' || v.impact === 'critical');
    if (bad.length > 0) {
      const list = bad.map((v) => `${v.id}: ${v.help}\n${v.nodes.map((n) => `    ${n.html}\n    ${n.failureSummary?.replace(/\n\s*/g, ' ')}`).join('\n')}`);
      this.#trouble.push(`axe, ${name}: ${list.join('\n')}`);
    }
    if (pictures) await this.picture(join(pictures, `${name}.png`));
  }

  async picture(file: string): Promise<void> {
    mkdirSync(join(file, '..'), { recursive: true });
    await this.page.screenshot({ path: file, animations: 'disabled' });
  }
}

async function arrived(download: Download): Promise<{ name: string; sha256: string }> {
  const failure = await download.failure();
  if (failure) throw new Error(`${download.suggestedFilename()}: ${failure}`);
  const sha256 = await sha256OfFile(await download.path());
  await download.delete();
  return { name: download.suggestedFilename(), sha256 };
}
