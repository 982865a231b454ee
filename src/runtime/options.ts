/** Flags that easel adds to those of sd-scripts: where to compute, and how faithfully. */

import { bytes, type ConfigOf, flag, forgottenGroup, int, own, str } from "../options/mod.ts";

/** How many threads a command may take, where it computes on no device. */
export const threads = own(int(0, "worker threads; 0 takes one for each core", { min: 0, max: 1024 }));

/** For every command that computes. */
export const deviceOptions = forgottenGroup("Device", {
  device: own(
    str("auto", "where to compute: auto, cpu, cuda or cuda:N; auto takes a GPU where there is one"),
  ),
  threads,
  vram_budget: own(bytes("most memory to take on the device, such as 6GB; unset is what is free")),
  no_vendor_libs: own(
    flag("on a GPU, compute everything with easel's own kernels, even where NVIDIA's libraries are faster"),
  ),
});

export type DeviceConfig = ConfigOf<typeof deviceOptions>;
