/** Numbers of model files as they are shown. */

import type { About } from "../../../files/shown.ts";

const UNITS = ["B", "kB", "MB", "GB", "TB"];

export function bytesText(bytes: number): string {
  const power = bytes < 1 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log10(bytes) / 3));
  const value = bytes / 1000 ** power;
  return `${value.toFixed(power === 0 || value >= 100 ? 0 : 1)} ${UNITS[power]}`;
}

/** Of tensors that hold anything. */
export function dtypesText({ elements }: About): string {
  return Object.entries(elements).sort(([, a], [, b]) => b - a).map(([dtype]) => dtype).join(", ");
}

/** A few of many, as "2 – 16". */
export function rangeText(values: readonly number[]): string {
  const short = (value: number) => String(Number(value.toPrecision(4)));
  if (values.length === 0) return "";
  return values.length < 3
    ? values.map(short).join(", ")
    : `${short(Math.min(...values))} – ${short(Math.max(...values))}`;
}
