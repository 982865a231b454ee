/** Questions on the console, answered by lines of standard input: of a terminal, or of what is piped in. */

import { Interrupted } from "../../base/errors.ts";
import { moveCursor } from "./output.ts";

/**
 * Writes a question to standard error and gives the next line of standard input, null at its end. Throws Interrupted when
 * the signal is aborted meanwhile. `close` gives standard input back.
 */
export function asker(
  signal: AbortSignal,
  input: ReadableStream<Uint8Array> = Deno.stdin.readable,
): { ask(question: string): Promise<string | null>; close(): Promise<void> } {
  const reader = input.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>)
    .getReader();
  const stopped = new Promise<never>((_, reject) => {
    const stop = () => reject(new Interrupted("interrupted while asking"));
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });
  stopped.catch(() => {});
  let rest = "", ended = false;
  return {
    async ask(question) {
      moveCursor(question);
      while (!ended && !rest.includes("\n")) {
        const { value, done } = await Promise.race([reader.read(), stopped]);
        if (done) ended = true;
        else rest += value;
      }
      if (ended && rest === "") return null;
      const at = rest.includes("\n") ? rest.indexOf("\n") : rest.length, line = rest.slice(0, at);
      rest = rest.slice(at + 1);
      return line.replace(/\r$/, "");
    },
    close: () => reader.cancel().catch(() => {}),
  };
}
