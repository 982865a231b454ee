/** easel plan COMMAND FLAGS: what a command would need. */

import { UsageError } from "../../base/errors.ts";
import { command } from "../command.ts";

/** Only its help is here: the arguments belong to the other command, so program.ts finds that. */
export const plan = command({
  groups: [],
  examples: ["easel plan train_network --config_file cat.toml"],
  about: "COMMAND is any command that trains, with its flags; nothing is trained or written.",
  run: () =>
    Promise.reject(new UsageError("COMMAND is missing; write easel plan train_network and its flags")),
});
