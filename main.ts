/** easel's entry: `easel COMMAND [FLAGS]`. */

import { runProgram } from "./src/cli/front/program.ts";

Deno.exit(await runProgram(Deno.args));
