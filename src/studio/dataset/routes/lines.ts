/** An answer that takes a while, told line by line: `{"done": 3, "total": 9}` until the last line, which is the result. */

import type { Progress } from "../in_turns.ts";

/** `work` is told when nobody reads any more; what it throws is the last line, as `{"error": …}`. */
export function answerInLines(
  work: (progress: Progress, signal: AbortSignal) => Promise<unknown>,
): Response {
  const ended = new AbortController(), encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>({
    async start(stream) {
      const say = (line: unknown) => {
        if (!ended.signal.aborted) stream.enqueue(encoder.encode(`${JSON.stringify(line)}\n`));
      };
      let last = 0;
      const progress = (done: number, total: number) => {
        if (performance.now() - last < OFTEN) return;
        last = performance.now();
        say({ done, total });
      };
      try {
        say(await work(progress, ended.signal));
      } catch (error) {
        say({ error: error instanceof Error ? error.message : String(error) });
      }
      if (!ended.signal.aborted) stream.close();
    },
    cancel: () => ended.abort(),
  });
  return new Response(body, {
    headers: { "content-type": "application/x-ndjson", "cache-control": "no-store" },
  });
}

/** Milliseconds between two lines of progress. */
const OFTEN = 150;
