/** Asking the server, and hearing from it. */

import { useEffect, useState } from "preact/hooks";
import { fill, said } from "./words/mod.ts";
import { parts } from "./words/parts.ts";

/** What the server refused or could not do: its one line, and the status of the answer (0: there is no server). */
export class ServerError extends Error {
  /** `answer`: all that the server said, where it said more than the line. */
  constructor(readonly status: number, message: string, readonly answer: unknown = null) {
    super(message);
  }
}

export type Query = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** "/api/x?a=1": of `query` what is null or undefined is left out. */
export function withQuery(path: string, query: Query = {}): string {
  const pairs = Object.entries(query).filter(([, value]) => value !== null && value !== undefined);
  const text = new URLSearchParams(pairs.map(([name, value]) => [name, String(value)])).toString();
  return text ? `${path}?${text}` : path;
}

export const get = <T>(path: string, query?: Query, signal?: AbortSignal): Promise<T> =>
  ask<T>("GET", withQuery(path, query), undefined, signal);
export const post = <T>(path: string, body: unknown = {}): Promise<T> => ask<T>("POST", path, body);
export const put = <T>(path: string, body: unknown): Promise<T> => ask<T>("PUT", path, body);
export const del = <T>(path: string): Promise<T> => ask<T>("DELETE", path);

/** A Blob goes as it is, anything else as JSON. */
async function ask<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const raw = body instanceof Blob;
  let answer: Response;
  try {
    answer = await fetch(path, {
      method,
      signal,
      headers: body === undefined || raw ? {} : { "content-type": "application/json" },
      body: body === undefined ? undefined : raw ? body : JSON.stringify(body),
    });
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw new ServerError(0, said(parts).noServer);
  }
  const text = await answer.text();
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = null;
  }
  if (answer.ok) return value as T;
  const reason = (value as { error?: unknown } | null)?.error;
  const { status } = answer;
  const line = typeof reason === "string" ? reason : fill(said(parts).answered, { status });
  throw new ServerError(status, line, value);
}

export interface Loaded<T> {
  readonly data: T | undefined;
  readonly error: string | null;
  readonly loading: boolean;
  reload(): void;
}

/** What the server says at `path`, asked anew when that changes; null asks nothing. What there was stays until the next is there. */
export function useLoaded<T>(path: string | null): Loaded<T> {
  const [state, set] = useState<Omit<Loaded<T>, "reload">>({
    data: undefined,
    error: null,
    loading: path !== null,
  });
  const [round, again] = useState(0);
  useEffect(() => {
    if (path === null) return set({ data: undefined, error: null, loading: false });
    const controller = new AbortController();
    set((old) => ({ ...old, loading: true }));
    get<T>(path, {}, controller.signal).then(
      (data) => set({ data, error: null, loading: false }),
      (error) => controller.signal.aborted || set({ data: undefined, error: error.message, loading: false }),
    );
    return () => controller.abort();
  }, [path, round]);
  return { ...state, reload: () => again((n) => n + 1) };
}

/** `afresh`: what there is now, and not what was added to what was said before. */
type Hear<T> = (data: T, afresh: boolean) => void;

const heard = new Map<string, Set<Hear<unknown>>>();
let source: EventSource | null = null;
let reopening = false;

/** Hears a topic of /api/events until the function that it gives is called. One stream serves the whole page. */
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
    source?.close();
    source = null;
    if (heard.size > 0) source = openStream([...heard.keys()]);
  });
}

function openStream(topics: readonly string[]): EventSource {
  const stream = new EventSource(
    `/api/events?${new URLSearchParams(topics.map((topic) => ["topic", topic]))}`,
  );
  let said = new Set<string>();
  stream.addEventListener("open", () => said = new Set()); // also where it was cut off and begins anew
  for (const topic of topics) {
    stream.addEventListener(topic, ({ data }) => {
      const value = JSON.parse(data), afresh = !said.has(topic);
      said.add(topic);
      for (const hear of heard.get(topic) ?? []) hear(value, afresh);
    });
  }
  return stream;
}

/** The last that a topic said; null listens to nothing. */
export function useTopic<T>(topic: string | null): T | undefined {
  const [said, set] = useState<{ topic: string | null; data: T | undefined }>({ topic, data: undefined });
  useEffect(() => topic === null ? undefined : listen<T>(topic, (data) => set({ topic, data })), [topic]);
  return said.topic === topic ? said.data : undefined;
}
