/** Whether this machine shows an NVIDIA card, without asking its driver: who has none should hear nothing of GPUs. */

import { exists } from "../base/files/exists.ts";

/** Linux with the driver's kernel module, its first card, Jetson boards, and Windows' driver seen from WSL. */
const SIGNS = ["/dev/nvidiactl", "/dev/nvidia0", "/dev/nvhost-gpu", "/usr/lib/wsl/lib/libcuda.so.1"];

/** True also where EASEL_CUDA_DRIVER names a driver to take. */
export function cardHere(signs: readonly string[] = SIGNS): boolean {
  return Boolean(Deno.env.get("EASEL_CUDA_DRIVER")) || signs.some(exists);
}
