export type Theme = 'system' | 'light' | 'dark';

const key = 'pc2.theme';

class ThemeState {
  choice = $state<Theme>(read());

  constructor() {
    apply(this.choice);
  }

  set(choice: Theme): void {
    this.choice = choice;
    apply(choice);
    try {
      if (choice === 'system') localStorage.removeItem(key);
      else localStorage.setItem(key, choice);
    } catch {
      // A browser that keeps nothing shows the choice until the page closes.
    }
  }
}

function read(): Theme {
  try {
    const kept = localStorage.getItem(key);
    return kept === 'light' || kept === 'dark' ? kept : 'system';
  } catch {
    return 'system';
  }
}

function apply(choice: Theme): void {
  if (choice === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = choice;
}

export const theme = new ThemeState();
