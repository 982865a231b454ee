/** Optimizers of the library pytorch_optimizer. */
import type { Optimizer } from "../optimizer.ts";
import { adopt } from "./adopt.ts";
import { came } from "./came.ts";
import { stableAdamw } from "./stable_adamw.ts";
import { tiger } from "./tiger.ts";

export const pytorchOptimizer: readonly Optimizer[] = [came, adopt, stableAdamw, tiger];
