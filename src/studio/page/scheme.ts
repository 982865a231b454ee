/** Light or dark: as the system has it, until the user says otherwise. */

import { useEffect, useState } from "preact/hooks";
import { keep, kept } from "./kept.ts";

export type Scheme = "light" | "dark";

const system = matchMedia("(prefers-color-scheme: dark)");
const listeners = new Set<() => void>();
system.addEventListener("change", tellAll);

function chosen(): Scheme | null {
  const value = kept("scheme");
  return value === "light" || value === "dark" ? value : null;
}

export function currentScheme(): Scheme {
  return chosen() ?? (system.matches ? "dark" : "light");
}

export function setScheme(scheme: Scheme): void {
  keep("scheme", scheme === (system.matches ? "dark" : "light") ? null : scheme);
  tellAll();
}

export function applyScheme(): void {
  document.documentElement.dataset.scheme = currentScheme();
}

function tellAll(): void {
  applyScheme();
  for (const listener of listeners) listener();
}

/** Draws anew when it changes. */
export function useScheme(): Scheme {
  const [scheme, set] = useState(currentScheme);
  useEffect(() => {
    const listener = () => set(currentScheme());
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }, []);
  return scheme;
}

/** What a custom property such as "--accent" is now, as the canvas of a chart takes it. */
export function colorOf(property: string): string {
  const probe = document.createElement("i");
  probe.style.color = `var(${property})`;
  document.body.append(probe);
  const color = getComputedStyle(probe).color;
  probe.remove();
  return color;
}
