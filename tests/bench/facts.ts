/** Numbers as lines that tests/device/first.ts and main.ts gather: `FACT name value unit`. */

export function fact(name: string, value: number | string, unit = ""): void {
  const short = typeof value !== "number" || Number.isInteger(value) ? value : Number(value.toPrecision(5));
  console.log(`FACT ${name} ${short} ${unit}`.trim());
}

export const MIB = 2 ** 20;

export function median(all: readonly number[]): number {
  return [...all].sort((a, b) => a - b)[Math.floor(all.length / 2)];
}

/** Bytes that processes can have. */
export function availableMemory(): number {
  return Number(/MemAvailable:\s+(\d+)/.exec(Deno.readTextFileSync("/proc/meminfo"))![1]) * 1024;
}
