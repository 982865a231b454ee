/** Hearing from the server: one stream of events for the whole page, and what is wrong where there is none. */

import { useEffect, useState } from "preact/hooks";
import { get } from "./server.ts";

/** `afresh`: what there is now, and not what was added to what was said before. */
type Hear<T> = (data: T, afresh: boolean) => void;

/** A stream that was refused, as by a server with another token, is asked for again after so long, in milliseconds. */
const AGAIN_AFTER = 3000;

const heard = new Map<string, Set<Hear<unknown>>>();
const curious = new Set<() => void>();
let source: EventSource | null = null;
let reopening = false;
let later: ReturnType<typeof setTimeout> | undefined;
let trouble: string | null = null;

// A browser has six connections for all its pages of a server: one that nobody sees holds none.
globalThis.document?.addEventListener("visibilitychange", () => reopen());

/** Hears a topic of /api/events until the function that it gives is called. */
export function listen<T>(topic: string, hear: Hear<T>): () => void {
  const hears = heard.get(topic) ?? new Set();
  hears.add(hear as Hear<unknown>);
  heard.set(topic, hears);
  reopen(); // whoever comes later hears from the beginning too
  return () => {
    hears.delete(hear as Hear<unknown>);
    if (hears.size > 0 || heard.get(topic) !== hears) return;
    heard.delete(topic);
    reopen();
  };
}

/** Once for all topics that come and go in the same moment. */
function reopen(): void {
  if (reopening) return;
  reopening = true;
  queueMicrotask(() => {
    reopening = false;
    clearTimeout(later);
    source?.close();
    source = null;
    if (heard.size === 0) setTrouble(null);
    else if (globalThis.document?.visibilityState !== "hidden") source = openStream([...heard.keys()]);
  });
}

function openStream(topics: readonly string[]): EventSource {
  const stream = new EventSource(
    `/api/events?${new URLSearchParams(topics.map((topic) => ["topic", topic]))}`,
  );
  let said = new Set<string>();
  stream.addEventListener("open", () => {
    said = new Set(); // also where it was cut off and begins anew
    setTrouble(null);
  });
  stream.addEventListener("error", () => {
    // what was cut off is asked for again by the browser, what was refused is not
    if (stream.readyState === EventSource.CLOSED) later = setTimeout(reopen, AGAIN_AFTER);
    get("/api/studio").catch((error) => source === stream && setTrouble(error.message));
  });
  for (const topic of topics) {
    stream.addEventListener(topic, ({ data }) => {
      const value = JSON.parse(data), afresh = !said.has(topic);
      said.add(topic);
      for (const hear of heard.get(topic) ?? []) hear(value, afresh);
    });
  }
  return stream;
}

function setTrouble(line: string | null): void {
  if (line === trouble) return;
  trouble = line;
  for (const draw of curious) draw();
}

/** Why what is shown does not change any more; null while the server is heard, or nothing is listened to. */
export function useTrouble(): string | null {
  const [line, set] = useState(trouble);
  useEffect(() => {
    const draw = () => set(trouble);
    curious.add(draw);
    draw();
    return () => void curious.delete(draw);
  }, []);
  return line;
}

/** The last that a topic said; null listens to nothing. */
export function useTopic<T>(topic: string | null): T | undefined {
  const [said, set] = useState<{ topic: string | null; data: T | undefined }>({ topic, data: undefined });
  useEffect(() => topic === null ? undefined : listen<T>(topic, (data) => set({ topic, data })), [topic]);
  return said.topic === topic ? said.data : undefined;
}
