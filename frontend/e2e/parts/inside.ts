import type { Window } from './window';

/** Questions that the page itself could ask, for comparing many files without many clicks. */

export const api = {
  home: (window: Window): Promise<string> =>
    window.page.evaluate(async () => `/${((await (await fetch('/whoami')).json()) as { username: string }).username}`),

  /** The text of a file of the home. */
  text: (window: Window, path: string): Promise<string> =>
    window.page.evaluate(async (url) => (await fetch(url, { cache: 'no-store' })).text(), read(path)),

  /** What the node answers to whoever wants to read a file. */
  status: (window: Window, path: string): Promise<number> => window.page.evaluate(async (url) => (await fetch(url, { cache: 'no-store' })).status, read(path)),
};

const read = (path: string) => `/read?path=${encodeURIComponent(`~/${path}`)}`;

export interface Content {
  /** Path, from the folder's own name on, and SHA-256 of what the browser got. */
  files: Map<string, string>;
  folders: string[];
}

/** Everything in a folder of the home, read by the window with its own session. */
export async function contentOf(window: Window, home: string, folder: string): Promise<Content> {
  const found = await window.page.evaluate(
    async ([home, folder]) => {
      const ask = async (path: string, init?: RequestInit) => {
        const answer = await fetch(path, { cache: 'no-store', ...init });
        if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
        return answer;
      };
      const files: [string, string][] = [];
      const folders: string[] = [];
      const visit = async (path: string): Promise<void> => {
        folders.push(path);
        const body = JSON.stringify({ path: `${home}/${path}` });
        const answer = await ask('/readdir', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body });
        for (const entry of (await answer.json()) as { name: string; is_dir: boolean }[]) {
          const below = `${path}/${entry.name}`;
          if (entry.is_dir) {
            await visit(below);
            continue;
          }
          const bytes = await (await ask(`/read?path=${encodeURIComponent(`${home}/${below}`)}`)).arrayBuffer();
          const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
          files.push([below, [...digest].map((b) => b.toString(16).padStart(2, '0')).join('')]);
        }
      };
      await visit(folder);
      return { files, folders };
    },
    [home, folder] as const,
  );
  return { files: new Map(found.files), folders: found.folders };
}
