/** An autoencoder on a device, for tools that make latents and train nothing. */

import type { DType } from "../../../base/dtype.ts";
import type { Encode } from "../../../data/mod.ts";
import { type LatentSides, loadMissing, openVae } from "../../../models/mod.ts";
import { TorchGenerator } from "../../../random/mod.ts";
import { openChosenDevice, ParameterStore } from "../../../runtime/mod.ts";
import type { DeviceConfig } from "../../../runtime/options.ts";
import { LatentEncoder } from "../../../training/objective/latents.ts";

export interface LatentMakerConfig extends DeviceConfig {
  /** A file that has an autoencoder. */
  readonly vae: string;
  /** Of the autoencoder. */
  readonly mixedPrecision: "no" | "fp16" | "bf16";
  /** Of the noise that samples the latents; null draws one. */
  readonly seed: number | null;
}

export interface LatentMaker {
  readonly encode: Encode;
  readonly latent: LatentSides;
  close(): void;
}

const DTYPES: Readonly<Record<LatentMakerConfig["mixedPrecision"], DType>> = {
  no: "f32",
  fp16: "f16",
  bf16: "bf16",
};

/** Throws UserError for a file without an autoencoder and for a device that is not there. */
export function openLatentMaker(config: LatentMakerConfig, log: (line: string) => void): LatentMaker {
  const file = openVae(config.vae);
  const { threads, vramBudget, noVendorLibs } = config;
  const options = { threads, limitBytes: vramBudget ?? undefined, noVendorLibs };
  const device = openChosenDevice(config.device, options, log), store = new ParameterStore(device);
  const encoder = new LatentEncoder({
    ...{ shapes: file.shapes, store, source: file.path, vaeDtype: DTYPES[config.mixedPrecision] },
    load: (graph) => loadMissing(graph, store, file),
  });
  const torch = new TorchGenerator(config.seed ?? crypto.getRandomValues(new Uint32Array(1))[0]);
  return {
    latent: encoder.latent,
    encode: (pixels, count, height, width) => encoder.encode(pixels, count, height, width, torch),
    close() {
      encoder.destroy();
      store.destroy();
      device.close();
      file.close();
    },
  };
}
