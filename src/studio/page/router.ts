/** Where the page is: `#/VIEW/…`, each part encoded, so that a path is one part. */

import { useEffect, useState } from "preact/hooks";

export interface Place {
  readonly view: string;
  /** What stands behind the view's name. */
  readonly rest: readonly string[];
}

export function placeOf(hash: string): Place {
  const [view = "", ...rest] = hash.replace(/^#?\/?/, "").split("/").map((part) => {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  });
  return { view, rest };
}

export function href(view: string, ...rest: readonly string[]): string {
  return `#/${[view, ...rest].map(encodeURIComponent).join("/")}`;
}

export function go(view: string, ...rest: readonly string[]): void {
  location.hash = href(view, ...rest);
}

/** Draws anew when the place changes. */
export function useRoute(): Place {
  const [place, set] = useState(() => placeOf(location.hash));
  useEffect(() => {
    const changed = () => set(placeOf(location.hash));
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return place;
}
