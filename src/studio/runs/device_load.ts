/** How busy a graphics card is and what of its memory is taken, by whomever: as nvidia-smi, which drivers bring, says. */

import type { DeviceLoad } from "./shown.ts";

/** It takes a tenth of a second of processor time; charts of seconds need no more. */
const EVERY = 3000;

interface Known {
  at: number;
  load: DeviceLoad | null;
}

const known = new Map<string, Known>();

/** As it was when it was last asked, which each call has done anew in a while; null for a device that is no card, or at first. */
export function deviceLoad(device: string, program = "nvidia-smi"): DeviceLoad | null {
  const [, number] = /^cuda:(\d+)$/.exec(device) ?? [];
  if (number === undefined) return null;
  const before = known.get(device) ?? { at: -Infinity, load: null };
  if (performance.now() - before.at > EVERY) {
    known.set(device, { at: performance.now(), load: before.load });
    askCard(cardOf(Number(number)), program).then((load) => known.get(device)!.load = load);
  }
  return before.load;
}

/** CUDA counts those that are visible; nvidia-smi takes numbers and UUIDs of all. */
function cardOf(number: number): string {
  const visible = Deno.env.get("CUDA_VISIBLE_DEVICES")?.split(",").map((card) => card.trim()).filter(Boolean);
  return visible?.[number] ?? String(number);
}

/** null where there is no such program or card. */
export async function askCard(card: string, program: string): Promise<DeviceLoad | null> {
  try {
    const fields = "utilization.gpu,memory.used,memory.total";
    const args = ["-i", card, `--query-gpu=${fields}`, "--format=csv,noheader,nounits"];
    const options = { args, stdin: "null", stderr: "null", signal: AbortSignal.timeout(EVERY) } as const;
    const { success, stdout } = await new Deno.Command(program, options).output();
    const [load, used, total] = new TextDecoder().decode(stdout).split(",").map(Number);
    if (!success || ![load, used, total].every(Number.isFinite)) return null;
    return { load: load / 100, used: used * 2 ** 20, total: total * 2 ** 20 };
  } catch {
    return null;
  }
}
