/** Ranges that several families share. */

/** Far more than anybody waits for, and numbers that everything can count to. */
export const MOST_STEPS = 1_000_000_000;

/** What PyTorch's manual_seed takes, as far as numbers are exact. */
export const SEEDS = { min: -Number.MAX_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER } as const;

/** A learning rate. */
export const RATE = { min: 0 } as const;

/** A probability, or a share of something. */
export const SHARE = { min: 0, max: 1 } as const;

/** Sides of pictures in pixels. */
export const SIDE = { min: 64, max: 16384 } as const;
