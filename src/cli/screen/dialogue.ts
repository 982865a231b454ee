/** Lines from standard input: typed on a terminal, with a history and the usual keys, or sent by another program. */

import { createInterface, type Interface } from "node:readline";
import process from "node:process";
import { asker } from "./ask.ts";
import { moveCursor } from "./output.ts";

/** Each time a line is wanted the terminal is ours; between two of them a Ctrl-C is a signal as ever. */
export async function* inputLines(
  prompt: string,
  { typed, signal, say }: {
    readonly typed: boolean;
    readonly signal: AbortSignal;
    readonly say: (line: string) => void;
  },
): AsyncGenerator<string> {
  if (!typed) return yield* sentLines(signal);
  const history: string[] = [];
  while (!signal.aborted) {
    const line = await typedLine(prompt, history, signal, say);
    if (line === null) return moveCursor("\n");
    if (line.trim() !== "" && line !== history[0]) history.unshift(line);
    yield line;
  }
}

async function* sentLines(signal: AbortSignal): AsyncGenerator<string> {
  const input = asker(signal);
  try {
    for (let line; (line = await input.ask("")) !== null;) yield line;
  } finally {
    await input.close();
  }
}

/** Null at the end of input (Ctrl-D). Ctrl-C empties the line. */
function typedLine(
  prompt: string,
  history: readonly string[],
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<string | null> {
  const reader: Interface = createInterface({
    input: process.stdin,
    output: process.stderr,
    terminal: true,
    history: [...history],
    prompt,
  });
  return new Promise((resolve) => {
    const end = () => reader.close();
    signal.addEventListener("abort", end);
    reader.on("close", () => {
      signal.removeEventListener("abort", end);
      resolve(null); // nothing where a line came before
    });
    reader.on("line", (line: string) => {
      resolve(line);
      reader.close();
    });
    reader.on("SIGINT", () => {
      const empty = reader.line === "";
      moveCursor("\n");
      if (empty) say("Ctrl-D ends");
      reader.write(null, { ctrl: true, name: "e" });
      reader.write(null, { ctrl: true, name: "u" });
      reader.prompt();
    });
    reader.prompt();
  });
}
