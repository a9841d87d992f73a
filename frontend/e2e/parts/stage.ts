import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { tmpdir } from 'node:os';
import type { BrowserContextOptions } from 'playwright-core';
import { afterAll, describe, onTestFailed, test } from 'vitest';
import { Browser } from './browser';
import { Pc2, Super, type Way } from './pc2';
import { Window } from './window';

/** What a story plays on. Everything it starts is ended with the story. */
export class Stage {
  readonly dir = mkdtempSync(join(tmpdir(), 'pc2-story-'));
  readonly #nodes: Pc2[] = [];
  readonly #supers: Super[] = [];
  readonly #browsers: Browser[] = [];
  readonly #windows: Window[] = [];

  /** A node; with a name it has an address that leads through gateway and relay. */
  async node(name = '', how?: Way): Promise<Pc2> {
    const node = await Pc2.start(name, how);
    this.#nodes.push(node);
    return node;
  }

  /** A super node in a process of its own: it can be stopped while its nodes run. */
  async superNode(): Promise<Super> {
    const node = await Super.start();
    this.#supers.push(node);
    return node;
  }

  async browser(options?: BrowserContextOptions): Promise<Browser> {
    const browser = await Browser.open(options);
    this.#browsers.push(browser);
    return browser;
  }

  async window(browser: Browser, address: string): Promise<Window> {
    const window = await Window.open(browser, address);
    this.#windows.push(window);
    return window;
  }

  /** Fails when a window had trouble that the story does not tell of. */
  calm(): void {
    const trouble = this.#windows.flatMap((w, n) => w.takeTrouble().map((line) => `window ${n + 1}: ${line}`));
    if (trouble.length > 0) throw new Error(trouble.join('\n'));
  }

  /** What remains of a failure: pictures of the windows, the logs of the nodes. */
  async evidence(name: string): Promise<void> {
    const dir = process.env.EVIDENCE_DIR;
    for (const [n, window] of this.#windows.entries()) {
      if (dir && !window.page.isClosed()) await window.picture(join(dir, `${name} ${n + 1}.png`)).catch((e: unknown) => console.error(`no picture of window ${n + 1}: ${e}`));
    }
    for (const node of this.#nodes) console.error(`--- log of ${node.url}\n${node.log().split('\n').slice(-40).join('\n')}`);
  }

  async clear(): Promise<void> {
    const ends = [...this.#browsers.map((b) => b.close()), ...[...this.#nodes, ...this.#supers].map((n) => n.remove())];
    const faults = (await Promise.allSettled(ends)).filter((r) => r.status === 'rejected');
    rmSync(this.dir, { recursive: true, force: true });
    if (faults.length > 0) throw new AggregateError(faults.map((f) => f.reason as unknown), 'the stage could not be cleared');
  }
}

/** How the failure of a step begins that was not tried. */
export const notReached = 'not reached:';

export type Step = (what: string, fn: () => Promise<void>) => void;

/** A story in steps: each stands on the one before, so after a failure the rest cannot be told. */
export function story(title: string, tell: (stage: Stage, step: Step) => void): void {
  describe(title, () => {
    const stage = new Stage();
    let broken: string | null = null;
    tell(stage, (what, fn) =>
      test(what, async () => {
        if (broken) throw new Error(`${notReached} “${broken}” failed`);
        onTestFailed(async () => {
          if (broken) return;
          broken = what;
          await stage.evidence(`${title}, ${what}`.replace(/[^\p{L}\p{N} ,-]/gu, ''));
        });
        await fn();
        stage.calm();
      }),
    );
    afterAll(() => stage.clear());
  });
}
