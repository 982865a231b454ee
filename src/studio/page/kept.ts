/** What this browser remembers of the user's choices; nothing where it keeps nothing. */

const PREFIX = "easel studio ";

export function kept(name: string): string | null {
  try {
    return localStorage.getItem(PREFIX + name);
  } catch {
    return null;
  }
}

/** null forgets it. */
export function keep(name: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(PREFIX + name);
    else localStorage.setItem(PREFIX + name, value);
  } catch { /* private browsing: it lasts as long as the page */ }
}
