/** A program for interrupt_test.ts: waits for Ctrl-C, then saves and ends, or does not listen, as argv says. */

import { atomicWriteFile } from "../../src/base/atomic.ts";
import { openContext } from "../../src/cli/context.ts";

const [path, manners] = Deno.args;
const context = openContext();
if (manners === "polite") {
  context.signal.addEventListener("abort", () => {
    atomicWriteFile(path, "state");
    context.close();
    Deno.exit(130);
  });
}
context.log("ready");
setInterval(() => {}, 1000);
