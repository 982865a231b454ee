/** How wide an element is now. */

import type { Ref } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";

export function useWidth<E extends HTMLElement>(first: number): [Ref<E>, number] {
  const element = useRef<E>(null), [width, setWidth] = useState(first);
  useLayoutEffect(() => {
    if (!element.current) return;
    const observer = new ResizeObserver(([{ contentRect }]) => setWidth(contentRect.width));
    observer.observe(element.current);
    return () => observer.disconnect();
  }, [element.current === null]);
  return [element, width];
}

/** Whether the window is as narrow as a phone's or a tablet's: one thing is shown at a time. */
export function useNarrow(): boolean {
  const query = matchMedia("(max-width: 900px)"), [narrow, set] = useState(query.matches);
  useLayoutEffect(() => {
    const changed = () => set(query.matches);
    query.addEventListener("change", changed);
    return () => query.removeEventListener("change", changed);
  }, []);
  return narrow;
}
