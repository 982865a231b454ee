/** A program for interrupt_test.ts: says a lot everywhere and ends well. argv: where the console log goes. */

import { openContext } from "../../../src/cli/screen/context.ts";
import { EventPrinter } from "../../../src/cli/screen/events.ts";

const context = openContext({ file: Deno.args[0] ?? null, events: new EventPrinter() });
for (let step = 0; step <= 100; step++) {
  context.log(`line ${step}`);
  if (Deno.args.length === 0) context.warn(`warning ${step}`);
  context.emit({ event: "save", what: "model", path: "x".repeat(1000), step });
}
context.close();
