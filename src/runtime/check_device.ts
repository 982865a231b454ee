/** What can be said of --device and --vram_budget before a device is opened. */

import { UsageError } from "../base/errors.ts";
import { parseBytes } from "../options/rules.ts";
import { parseDevice } from "./choose_device.ts";

/** Throws UsageError for a device that cannot be and for a size that is none. */
export function checkDevice({ device, vramBudget }: { device: string; vramBudget: string | null }): void {
  parseBytes("vram_budget", vramBudget);
  try {
    parseDevice(device);
  } catch (cause) {
    throw new UsageError(`--device: ${(cause as Error).message}`, { cause });
  }
}
