/** The families of models. */
import type { Family } from "./family.ts";
import { sd1 } from "./sd1.ts";
import { sd2 } from "./sd2.ts";
import { sdxl } from "./sdxl.ts";

/** In the order in which a checkpoint is asked which it is. */
export const FAMILIES: readonly Family[] = [sdxl, sd2, sd1];

/** The family that others record under this name; undefined for none. */
export function familyNamed(name: string): Family | undefined {
  return FAMILIES.find((family) => family.name === name);
}
