/** bitsandbytes' optimizers. */
import type { Optimizer } from "../optimizer.ts";
import { adams } from "./adam.ts";
import { ademamixes } from "./ademamix.ts";
import { lions } from "./lion.ts";
import { sgds } from "./sgd.ts";
import { squares } from "./squares.ts";

export const bitsandbytes: readonly Optimizer[] = [...adams, ...lions, ...sgds, ...ademamixes, ...squares];
