/** Asking the server; what it tells by itself is in events.ts. */

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
