/** What --device means: auto, cpu, cuda or cuda:N, to an opened device. */

import { UserError } from "../base/errors.ts";
import { type Device, type DeviceOptions, openDevice } from "./device.ts";
import { type VendorFacts, vendorTexts } from "./vendor.ts";

/** A backend and which of its devices; auto is decided when it is opened. */
export interface DeviceChoice {
  readonly backend: "auto" | "cpu" | "cuda";
  readonly ordinal: number;
}

/** Reads a --device value. Throws RangeError when it is none. */
export function parseDevice(text: string): DeviceChoice {
  const match = /^(auto|cpu|cuda)(?::(\d{1,4}))?$/.exec(text);
  if (!match || (match[2] !== undefined && match[1] !== "cuda")) {
    throw new RangeError(`"${text}" is no device; auto, cpu, cuda and cuda:1 are`);
  }
  return { backend: match[1] as DeviceChoice["backend"], ordinal: Number(match[2] ?? 0) };
}

/**
 * Opens the device. auto takes the first GPU when NVIDIA's driver answers and the CPU otherwise; `log` is told which it is
 * and why. Throws UserError when a device that was asked for by name cannot be had.
 */
export function openChosenDevice(
  text: string,
  { threads, limitBytes, noVendorLibs }: Omit<DeviceOptions, "ordinal">,
  log: (line: string) => void,
): Device {
  const { backend, ordinal } = parseDevice(text);
  if (backend === "cpu") return openDevice("cpu", { threads, limitBytes });
  try {
    const device = openDevice("cuda", { ordinal, limitBytes, noVendorLibs });
    const { name, vendor } = device.info() as unknown as { name: string; vendor: VendorFacts };
    log(`computing on cuda:${ordinal}, ${name}`);
    if (!noVendorLibs && (vendor.cublasLt.path || vendor.cudnn.path)) vendorTexts(vendor).forEach(log);
    return device;
  } catch (error) {
    if (backend === "cuda" || !(error instanceof UserError)) throw error;
    log(`computing on the CPU (${reason(error)})`);
    return openDevice("cpu", { threads, limitBytes });
  }
}

/** Why there is no GPU, without the advice that only helps where one was asked for. */
function reason(error: UserError): string {
  if (/libeasel_cuda\.so: cannot be loaded/.test(error.message)) return "easel was built without CUDA";
  return error.message.replace(/^cuda: /, "").replace(/[;,] or use --device cpu$|; use --device cpu$/, "");
}
