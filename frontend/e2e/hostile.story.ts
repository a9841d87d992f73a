import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { expect } from 'vitest';
import type { Page } from 'playwright-core';
import type { Browser } from './parts/browser';
import { api } from './parts/inside';
import type { Pc2 } from './parts/pc2';
import { story } from './parts/stage';
import { until } from './parts/until';
import { Wallet } from './parts/wallet';
import type { Window } from './parts/window';

story('Hostile: other pages that are open on the same PC', (stage, step) => {
  const wallet = new Wallet('Everyday Wallet');
  let server: Server;
  let pc2: Pc2;
  let browser: Browser;
  let window: Window;
  /** Cookies ignore ports: the first of these is same-site with the node, and its requests carry the session cookie. */
  let pages: { name: string; page: Page }[];

  const each = async (fn: (page: Page, name: string) => Promise<void>) => {
    for (const { name, page } of pages) await fn(page, name);
  };

  /** Tries a request in a page. What the page gets to know is the answer: an error's name, or status and body. */
  const tries = (page: Page, path: string, init: RequestInit = {}) =>
    page.evaluate(
      async ([url, init]) => {
        try {
          const answer = await fetch(url, { credentials: 'include', ...init });
          return `${answer.type} ${answer.status} ${await answer.text()}`;
        } catch (error) {
          return (error as Error).name;
        }
      },
      [pc2.url + path, init] as const,
    );

  step('before there is an owner no other page sees the words or becomes owner, not even with the code and a signature', async () => {
    server = createServer((_, answer) => answer.setHeader('Content-Type', 'text/html').end('<!doctype html><title>Nice games</title><h1>Nice games</h1>'));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;

    pc2 = await stage.node();
    browser = await stage.browser();
    await wallet.install(browser.context);
    pages = [];
    for (const host of ['127.0.0.1', 'localhost']) {
      const page = await browser.context.newPage();
      await page.goto(`http://${host}:${port}/`);
      pages.push({ name: host, page });
    }

    // A program on this PC may ask for a challenge; what it signs must still not work from a page.
    const asked = await fetch(`${pc2.url}/auth/challenge`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ address: wallet.address }) });
    const { message } = (await asked.json()) as { message: string };
    const body = JSON.stringify({ address: wallet.address, message, signature: wallet.sign(new TextEncoder().encode(message)), claim_code: pc2.claim });

    await each(async (page) => {
      for (const [path, init] of [
        ['/api/setup/mnemonic', {}],
        ['/api/setup/mnemonic', { headers: { 'X-PC2-Claim': pc2.claim ?? '' } }],
        ['/api/setup/status', {}],
        ['/auth/challenge', { method: 'POST', body: JSON.stringify({ address: wallet.address }) }],
        ['/auth/particle', { method: 'POST', body, headers: { 'Content-Type': 'application/json' } }],
        ['/auth/particle', { method: 'POST', body, headers: { 'Content-Type': 'text/plain' } }],
      ] satisfies [string, RequestInit][]) {
        expect(await tries(page, path, init), `${path} ${JSON.stringify(init)}`).toBe('TypeError');
      }
      expect(await tries(page, '/auth/particle', { method: 'POST', body, mode: 'no-cors' })).toBe('TypeError');
    });

    // It was none of this that failed: the same code and the same challenge still work from the node's own page.
    expect(await ownerless()).toBe(true);
    window = await stage.window(browser, pc2.printed);
    const own = await window.page.evaluate(async (body) => (await fetch('/auth/particle', { method: 'POST', body, headers: { 'Content-Type': 'application/json' } })).status, body);
    expect(own).toBe(200);
    expect(await ownerless()).toBe(false);
    await window.page.goto(pc2.url);
    await window.heading('Files').waitFor();
    await window.newFolder('Diary');
  });

  step('they read nothing, though the browser sends the cookie along', async () => {
    const home = await api.home(window);
    await window.page.evaluate(async (home) => {
      await fetch(`/write?path=${encodeURIComponent(`${home}/Diary/secret.png`)}`, { method: 'PUT', body: 'dear diary' });
    }, home);
    await each(async (page, name) => {
      for (const path of [`/read?path=${encodeURIComponent(`${home}/Diary/secret.png`)}`, '/stat?path=~', '/readdir?path=~', '/df', '/auth/list-sessions']) {
        const got = await tries(page, path);
        expect(got, `${name} ${path}`).toMatch(/^(TypeError|cors 40[13] )/);
        expect(got).not.toContain('diary');
      }
      expect(await tries(page, '/whoami')).not.toContain(home.slice(1));
      // As a picture and as a script the answer needs no permission to be used.
      const used = await page.evaluate(
        async ([image, script]) => {
          const load = <T extends HTMLElement & { src: string }>(el: T, src: string) =>
            new Promise<string>((resolve) => {
              el.onload = () => resolve('loaded');
              el.onerror = () => resolve('refused');
              el.src = src;
              document.body.append(el);
            });
          return [await load(new Image(), image), await load(document.createElement('script'), script)];
        },
        [`${pc2.url}/read?path=${encodeURIComponent(`${home}/Diary/secret.png`)}`, `${pc2.url}/whoami`] as const,
      );
      expect(used, name).toEqual(['refused', 'refused']);
    });
  });

  step('they hear nothing: the socket knows no session', async () => {
    await each(async (page, name) => {
      const heard = await page.evaluate(
        (url) =>
          new Promise<string>((resolve) => {
            const socket = new WebSocket(url);
            const lines: string[] = [];
            socket.onmessage = (e) => {
              lines.push(String(e.data));
              if (String(e.data).startsWith('0')) socket.send('40');
              if (String(e.data).startsWith('4')) resolve(lines.join('\n'));
            };
            socket.onclose = () => resolve(lines.join('\n'));
          }),
        `${pc2.url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`,
      );
      expect(heard, name).not.toMatch(/^40/m);
      expect(await tries(page, '/socket.io/?EIO=4&transport=polling')).not.toContain('40{');
    });
  });

  step('they change nothing by forms, which need no permission to be sent', async () => {
    const home = await api.home(window);
    const forms: { path: string; fields: Record<string, string>; enctype: string }[] = [
      { path: `/write?path=${encodeURIComponent(`${home}/planted.txt`)}`, fields: { x: 'planted' }, enctype: 'multipart/form-data' },
      { path: `/write?path=${encodeURIComponent(`${home}/planted.txt`)}`, fields: { x: 'planted' }, enctype: 'text/plain' },
      { path: '/mkdir', fields: { path: `${home}/planted` }, enctype: 'application/x-www-form-urlencoded' },
      { path: '/delete', fields: { paths: `["${home}/Diary"]`, permanent: 'true', recursive: 'true' }, enctype: 'application/x-www-form-urlencoded' },
      { path: '/delete', fields: { [`{"paths":["${home}/Diary"],"permanent":true,"recursive":true,"x":"`]: '"}' }, enctype: 'text/plain' },
      { path: '/move', fields: { source: `${home}/Diary`, destination: `${home}/Public` }, enctype: 'application/x-www-form-urlencoded' },
      { path: '/auth/revoke-all-sessions', fields: {}, enctype: 'text/plain' },
      { path: '/logout', fields: {}, enctype: 'application/x-www-form-urlencoded' },
      { path: '/auth/logout', fields: {}, enctype: 'text/plain' },
    ];
    await each(async (page, name) => {
      for (const { path, fields, enctype } of forms) {
        // In a window of its own, as by a click: such requests carry cookies as no other does.
        const [opened] = await Promise.all([
          page.waitForEvent('popup'),
          page.evaluate(
            ([url, fields, enctype]) => {
              const form = document.createElement('form');
              Object.assign(form, { action: url, method: 'post', enctype, target: '_blank' });
              for (const [key, value] of Object.entries(fields)) {
                const input = document.createElement('input');
                Object.assign(input, { type: 'hidden', name: key, value });
                form.append(input);
              }
              document.body.append(form);
              form.submit();
              form.remove();
            },
            [pc2.url + path, fields, enctype] as const,
          ),
        ]);
        await opened.waitForURL(pc2.url + path);
        await opened.waitForLoadState();
        expect(await opened.innerText('body'), `${name} ${path}`).toMatch(/"code":\s*"(forbidden|token_missing|bad_request)"/);
        await opened.close();
      }
    });
    expect(await window.names()).toEqual(['Desktop', 'Diary', 'Documents', 'Pictures', 'Public', 'Videos']);
  });

  step('they cannot put the page into a frame, nor keep hold of its window', async () => {
    await each(async (page, name) => {
      await page.evaluate((url) => {
        const frame = document.createElement('iframe');
        frame.src = url;
        document.body.append(frame);
        return new Promise((loaded) => (frame.onload = loaded));
      }, `${pc2.url}/files`);
      const frame = page.frames()[1];
      expect(await frame?.getByRole('heading').count(), name).toBe(0);
      expect(frame?.url(), name).toMatch(/^chrome-error:/);

      const [popup] = await Promise.all([page.waitForEvent('popup'), page.evaluate((url) => void Object.assign(self, { held: open(url) }), `${pc2.url}/files`)]);
      await popup.getByRole('heading', { name: 'Files' }).waitFor();
      expect(await popup.evaluate(() => opener === null), name).toBe(true);
      expect(await page.evaluate(() => (self as unknown as { held: WindowProxy }).held.closed), name).toBe(true);
      await popup.close();
    });
  });

  step('a name of theirs that suddenly points here leads nowhere', async () => {
    const page = await browser.context.newPage();
    const answer = await page.goto(`http://rebound.example:${new URL(pc2.url).port}/`);
    expect(answer?.status()).toBe(421);
    expect(await page.evaluate(async () => (await fetch('/api/setup/status')).status)).toBe(421);
    await page.close();
  });

  step('after all that the session lives', async () => {
    await window.page.bringToFront();
    await window.newFolder('Still here');
    await window.page.reload();
    await window.row('Still here').waitFor();
    await window.row('Diary').waitFor();
    await until('no second person', async () => (await window.page.evaluate(async () => ((await (await fetch('/auth/list-sessions')).json()) as unknown[]).length)) === 1);
    server.close();
  });

  async function ownerless(): Promise<boolean> {
    const answer = await fetch(`${pc2.url}/api/setup/status`);
    return ((await answer.json()) as { needsSetup: boolean }).needsSetup;
  }
});
