/** What can be said of --device before it is opened. */

import { UsageError } from "../base/errors.ts";
import { parseDevice } from "./choose_device.ts";

/** Throws UsageError for a device that cannot be. */
export function checkDevice({ device }: { readonly device: string }): void {
  try {
    parseDevice(device);
  } catch (cause) {
    throw new UsageError(`--device: ${(cause as Error).message}`, { cause });
  }
}
