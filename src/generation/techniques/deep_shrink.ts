/** Deep Shrink as gen_img.py has it: while timesteps are high the U-Net works on smaller activations from a depth on. */

export interface DeepShrink {
  readonly depth1: number;
  /** Depth 1 counts at this timestep and above. */
  readonly timesteps1: number;
  /** Below timesteps1, down to timesteps2, depth 2 does; null: none. */
  readonly depth2: number | null;
  readonly timesteps2: number;
  readonly ratio: number;
}

/** Where activations are made smaller at a timestep; null: nowhere. */
export function depthAt(
  { depth1, timesteps1, depth2, timesteps2 }: DeepShrink,
  timestep: number,
): number | null {
  if (timestep >= timesteps1) return depth1;
  return depth2 !== null && timestep >= timesteps2 ? depth2 : null;
}
