/** easel's entry: `easel COMMAND [FLAGS]`. */

import { exitNow } from "./ffi/exit.ts";
import { runProgram } from "./src/cli/front/program.ts";

exitNow(await runProgram(Deno.args));
