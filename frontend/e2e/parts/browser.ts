import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type BrowserContext, type BrowserContextOptions } from 'playwright-core';
import { patience } from './until';

const quiet = [
  '--no-sandbox',
  '--disable-quic',
  '--disable-dev-shm-usage',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // A name of a stranger that suddenly points here, for the story of hostile pages; all else is looked up nowhere.
  '--host-resolver-rules=MAP rebound.example 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost, EXCLUDE *.localhost',
];

export const desktop = { width: 1280, height: 800 };
export const phone = { width: 390, height: 844 };

/** A browser with a profile of its own, as on another computer. */
export class Browser {
  private constructor(
    readonly context: BrowserContext,
    readonly profile: string,
  ) {}

  static async open(options: BrowserContextOptions = {}): Promise<Browser> {
    const executablePath = process.env.CHROMIUM;
    if (!executablePath) throw new Error('CHROMIUM names no browser; start the stories by build/browser.sh');
    const profile = mkdtempSync(join(tmpdir(), 'pc2-browser-'));
    const context = await chromium.launchPersistentContext(profile, {
      executablePath,
      headless: true,
      args: quiet,
      viewport: desktop,
      locale: 'en-GB',
      acceptDownloads: true,
      ...options,
    });
    context.setDefaultTimeout(patience);
    return new Browser(context, profile);
  }

  async close(): Promise<void> {
    await this.context.close();
    await rm(this.profile, { recursive: true, force: true });
  }
}
