/** What the backends say of themselves (easel_device_info): kernels/cpu/device.cpp and kernels/cuda/device.cpp. */

import type { VendorFacts } from "./vendor.ts";

export interface DeviceInfo {
  readonly backend: "cpu" | "cuda";
  readonly name: string;
  /** Bytes; 0 where the system does not tell. */
  readonly memory: { readonly total: number; readonly available: number; readonly swap?: number };
  /** Of the CPU: oneDNN's version, the instruction set that kernels were chosen for, and what the processor has. */
  readonly onednn?: string;
  readonly threads?: number;
  readonly isa?: string;
  readonly features?: Readonly<Record<string, boolean>>;
  /** Whether products and convolutions of bf16 take weights in float32 and round them as they pack them. */
  readonly rounds_weights?: boolean;
  /** Of a card. */
  readonly capability?: string;
  readonly multiprocessors?: number;
  readonly driver?: string;
  readonly toolkit?: string;
  readonly vendor?: VendorFacts;
}
