/** Which signals ask a job to stop. */

/** Ctrl-C, kill, and the end of the terminal, unless nohup asked for that to be ignored. */
export function stopSignals(): Deno.Signal[] {
  if (Deno.build.os === "windows") return ["SIGINT"];
  return ["SIGINT", "SIGTERM", ...(hangUpIgnored() ? [] : ["SIGHUP" as const])];
}

/** SIGHUP is 1, the lowest bit of the mask. Elsewhere than on Linux nobody can tell. */
function hangUpIgnored(): boolean {
  try {
    const mask = /^SigIgn:\s*([0-9a-f]+)$/m.exec(Deno.readTextFileSync("/proc/self/status"))?.[1];
    return mask !== undefined && (BigInt(`0x${mask}`) & 1n) === 1n;
  } catch {
    return false;
  }
}
