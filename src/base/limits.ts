/**
 * Limits on what a file or a prompt may ask for, so that a small one cannot take all memory. They are far above what
 * people have; whoever has more lifts them by the environment.
 */

const VARIABLE = "EASEL_NO_LIMITS";

/** Ends the error that a limit gives: how to go on where the file is right. */
export const HOW_TO_LIFT = `set ${VARIABLE}=1 in the environment if that is meant`;

/** A limit, or infinity where the user lifted all of them. */
export function limit(value: number): number {
  return Deno.env.get(VARIABLE) ? Infinity : value;
}
