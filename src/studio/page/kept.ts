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

/**
 * For what is being written: what `now` gave when this tab was last loaded anew, or undefined; no other tab has it, and
 * it ends with the tab. `now` gives undefined where there is nothing to keep.
 */
export function keptByTab<T>(name: string, now: () => T | undefined): T | undefined {
  globalThis.addEventListener("pagehide", () => {
    try {
      const value = now();
      if (value === undefined) sessionStorage.removeItem(PREFIX + name);
      else sessionStorage.setItem(PREFIX + name, JSON.stringify(value));
    } catch { /* more than a browser keeps: megabytes */ }
  });
  try {
    return JSON.parse(sessionStorage.getItem(PREFIX + name) ?? "null") ?? undefined;
  } catch {
    return undefined;
  }
}
