/** Ranges of numbers, and those that options of several rooms share. */

export interface Range {
  readonly min?: number;
  readonly max?: number;
}

/** Far more than anybody waits for, and numbers that everything can count to. */
export const LONGEST_RUN = 1_000_000_000;

/** What PyTorch's manual_seed takes, as far as numbers are exact. */
export const SEEDS = { min: -Number.MAX_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER } as const;

/** A learning rate. */
export const RATE = { min: 0 } as const;

/** A probability, or a share of something. */
export const SHARE = { min: 0, max: 1 } as const;

/** Sides of pictures in pixels. */
export const SIDE = { min: 64, max: 16384 } as const;

/** What is wanted in place of `value`: "1 or more", "from 64 to 16384"; null where it is right. */
export function outside({ min = -Infinity, max = Infinity }: Range, value: number): string | null {
  if (value >= min && value <= max) return null;
  if (min === -Infinity) return `${max} or less`;
  return max === Infinity ? `${min} or more` : `from ${min} to ${max}`;
}
