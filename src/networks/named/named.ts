/** What --network_module names: which options there are, and which modules they make. */

import type { BlockTable, Family, Shapes } from "../../models/mod.ts";
import type { NetworkModule } from "../kinds/kind.ts";
import type { LoraOptions, NetworkFlags } from "../sites/args.ts";
import type { ModuleOptions } from "../sites/modules.ts";

export interface NamedNetwork {
  /** As --network_module and ss_network_module have it: "networks.lora". */
  readonly name: string;
  /** Throws UsageError. `compat` repeats sd-scripts 0.9.1. */
  options(flags: NetworkFlags, table: BlockTable, compat: boolean): LoraOptions;
  /** Of all parts of the model, in creation order. */
  modules(shapes: Shapes, family: Family, options: LoraOptions, more: ModuleOptions): NetworkModule[];
  /** Its class in sd-scripts knows nothing of --scale_weight_norms, which files then say was False. */
  readonly limitsNoNorms?: true;
  /** What one should know of the options. */
  advice?(options: LoraOptions): string | null;
}
