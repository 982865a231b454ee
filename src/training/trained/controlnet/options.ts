/** What only the training of ControlNets has. */

import { float, group, newer, pathTo, RATE, str } from "../../../options/mod.ts";

const controlnet_model_name_or_path = pathTo(
  "model",
  str(null, "ControlNet to go on from; unset makes one from the U-Net"),
);

export const controlNetOptions = group("ControlNet", { controlnet_model_name_or_path });

export const sdxlControlNetOptions = group("ControlNet", {
  controlnet_model_name_or_path,
  control_net_lr: newer(float(
    1e-4,
    "rate for what reads the picture and what joins the U-Net; --learning_rate is for the copied blocks",
    RATE,
  )),
});
