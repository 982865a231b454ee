/** easel plan COMMAND FLAGS: what a command would need. */

import { UsageError } from "../../base/errors.ts";
import { command } from "../command.ts";

/** Its arguments belong to another command, so the program hands them over unparsed: see program.ts. */
export const plan = command({
  families: [],
  positionals: ["COMMAND", "FLAGS..."],
  about: "COMMAND is any command that trains, with its flags; nothing is trained or written.",
  run: () => Promise.reject(new UsageError("plan takes a command and its flags")),
});
