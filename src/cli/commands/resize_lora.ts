/** easel resize_lora: sd-scripts' networks/resize_lora.py. */

import { UserError } from "../../base/errors.ts";
import { command } from "../command.ts";
import { resizeLoraFlags } from "../flags/lora_files.ts";

export const resizeLora = command({
  families: [resizeLoraFlags],
  run: () => Promise.reject(new UserError("resizing a LoRA is not supported yet")),
});
