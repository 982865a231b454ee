/** The trained network: LoRA and its relatives. */

import {
  choice,
  type ConfigOf,
  flag,
  float,
  floats,
  group,
  int,
  own,
  pathTo,
  RATE,
  same,
  SHARE,
  str,
  strings,
  working,
} from "../options/mod.ts";

/** Values of --network_module that are more than known by name. */
export const NETWORK_MODULES: readonly string[] = [
  "networks.lora",
  "networks.lora_fa",
  "networks.dylora",
  "networks.oft",
  "networks.loha",
  "networks.lokr",
  "lycoris.kohya",
];

/** Values of --save_lora_keys. */
export const DIALECTS = ["kohya", "diffusers", "comfy"] as const;

export type Dialect = typeof DIALECTS[number];

/** The value of --network_module that counts. */
export function networkModule(given: string | null): string {
  return given ?? "networks.lora";
}

export const networkOptions = group("Network", {
  unet_lr: float(null, "rate for U-Net modules", RATE),
  text_encoder_lr: float(null, "rate for text-encoder modules", RATE),
  network_weights: pathTo("model", str(null, "network file to start from")),
  network_module: same(
    working(NETWORK_MODULES, str(null, "network implementation; unset is networks.lora")),
    networkModule,
  ),
  network_dim: same(
    int(null, "rank of the network; unset is 4", { min: 1, max: 65536 }),
    (dim) => dim ?? 4,
  ),
  network_alpha: same(float(1, "alpha; scale = alpha/dim")),
  network_dropout: float(null, "neuron dropout in the network", SHARE),
  network_args: same(strings("key=value list given to the network"), (args) => args ?? []),
  network_train_unet_only: same(flag("only U-Net modules")),
  network_train_text_encoder_only: same(flag("only text-encoder modules")),
  dim_from_weights: same(flag("take ranks from network_weights")),
  scale_weight_norms: float(null, "cap on module weight norm after each step", { min: 0 }),
  save_lora_keys: own(
    choice(DIALECTS, "kohya", "whose keys the network's file has; all of them are read"),
  ),
  base_weights: pathTo("model", strings("networks merged into the base before training")),
  base_weights_multiplier: floats("their strengths; those left out are 1"),
});

export type NetworkConfig = ConfigOf<typeof networkOptions>;
