/** deno task compile [OUTPUT]: writes dist/easel, the program and all that it needs in one file. */

import { join } from "node:path";
import { buildExecutable } from "./build.ts";

const root = join(import.meta.dirname!, "../..");
try {
  await buildExecutable(root, Deno.args[0] ?? join(root, "dist/easel"));
} catch (error) {
  console.error(`compile: ${(error as Error).message}`);
  Deno.exit(1);
}
