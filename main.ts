/** easel's entry: `easel COMMAND [FLAGS]`. */

import { runProgram } from "./src/cli/program.ts";

Deno.exit(await runProgram(Deno.args));
