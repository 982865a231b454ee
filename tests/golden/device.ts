/** The device that golden cases run on: the CPU, the machine's GPU with EASEL_TEST_DEVICE=cuda, or what a test chooses. */

import { type Device, openDevice } from "../../src/runtime/mod.ts";

let chosen: (() => Device) | null = null;

/** Opens it; the case closes it. */
export function goldenDevice(): Device {
  if (chosen) return chosen();
  return openDevice(Deno.env.get("EASEL_TEST_DEVICE") === "cuda" ? "cuda" : "cpu");
}

/** Runs `body` with cases on devices that `open` gives. */
export async function onDevices<T>(open: () => Device, body: () => Promise<T>): Promise<T> {
  chosen = open;
  try {
    return await body();
  } finally {
    chosen = null;
  }
}
