/** Which modules of a networks.oft file sd-scripts 0.9.1 makes. */

import type { NetworkModule } from "../kind.ts";
import { OFT_PREFIX } from "./oft.ts";

/**
 * A loaded network as sd-scripts makes it of its file: whether one of networks.oft has modules outside of transformers is told there
 * by SDXL's names of layers, so that those of other models rest. Without `compat` all take part.
 */
export function asSeen<T extends { readonly modules: readonly NetworkModule[] }>(
  loaded: T,
  compat: boolean,
): T {
  const { modules } = loaded;
  if (!compat || modules.some(({ name }) => name.includes("in_layers_2"))) return loaded;
  const seen = ({ name }: NetworkModule) =>
    !name.startsWith(OFT_PREFIX) || /_transformer_blocks_|_proj_(in|out)$/.test(name);
  return { ...loaded, modules: modules.filter(seen) };
}
