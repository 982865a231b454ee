/** easel merge_lora: sd-scripts' networks/merge_lora.py. */

import { UserError } from "../../base/errors.ts";
import { command } from "../command.ts";
import { mergeLoraFlags } from "../flags/lora_files.ts";

export const mergeLora = command({
  families: [mergeLoraFlags],
  run: () => Promise.reject(new UserError("merging LoRAs is not supported yet")),
});
