/** What --device means: auto, cpu, cuda or cuda:N, to an opened device. */

import { UserError } from "../base/errors.ts";
import { cardHere } from "./card.ts";
import { type Device, type DeviceOptions, openDevice } from "./device.ts";
import { vendorTexts } from "./vendor.ts";

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
 * and why, unless there is no card at all. Throws UserError when a device that was asked for by name cannot be had.
 */
export function openChosenDevice(
  text: string,
  { threads, limitBytes, noVendorLibs }: Omit<DeviceOptions, "ordinal">,
  log: (line: string) => void,
  card: boolean = cardHere(),
): Device {
  const { backend, ordinal } = parseDevice(text);
  if (backend === "cpu") return openDevice("cpu", { threads, limitBytes });
  try {
    const device = openDevice("cuda", { ordinal, limitBytes, noVendorLibs });
    const { name, vendor } = device.info();
    log(`computing on cuda:${ordinal}, ${name}`);
    if (!noVendorLibs && vendor && (vendor.cublasLt.path || vendor.cudnn.path)) {
      vendorTexts(vendor).forEach(log);
    }
    return device;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    if (backend === "cuda") {
      throw card ? error : new UserError(`--device ${text}: ${NO_CARD}`, { cause: error });
    }
    if (card) log(`computing on the CPU (${whyNoGpu(error)})`);
    return openDevice("cpu", { threads, limitBytes });
  }
}

const NO_CARD =
  "no NVIDIA card shows itself here (no /dev/nvidiactl; a container sees one with --gpus all); use --device cpu";

export const WITHOUT_GPU_CODE = "easel was built without GPU code";

/** Why there is no GPU, without the advice that only helps where one was asked for. */
export function whyNoGpu(error: UserError): string {
  if (/^cuda: .*(without GPU code|has no kernels)/.test(error.message)) return WITHOUT_GPU_CODE;
  return error.message.replace(/^cuda: /, "").replace(/[;,] or use --device cpu$|; use --device cpu$/, "");
}
