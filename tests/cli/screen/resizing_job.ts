/** A program for progress_test.ts, run on a terminal: shows a bar, makes the terminal narrower, waits, ends. */

import { openContext } from "../../../src/cli/screen/context.ts";

const context = openContext();
const pause = (ms: number) => new Promise((later) => setTimeout(later, ms));
const columns = (n: string) => new Deno.Command("stty", { args: ["cols", n], stdin: "inherit" }).output();

await columns("90");
context.progress({ task: "training", step: 1, total: 4, loss: 0.5, note: "a note at the end" });
await columns("40");
// no further event: what comes now is drawn because of SIGWINCH alone
for (let waited = 0; Deno.consoleSize().columns !== 40 && waited < 5000; waited += 50) await pause(50);
await pause(500);
context.log("a line");
context.progress({ task: "training", step: 4, total: 4, loss: 0.25 });
context.close();
