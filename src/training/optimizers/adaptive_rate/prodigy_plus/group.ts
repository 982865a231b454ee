/** What ProdigyPlusScheduleFree knows of a parameter, and small things its parts share. */
import { affine, mul, reshape, sum, type Tensor } from "../../../../graph/mod.ts";
import type { Arguments } from "../../arguments.ts";
import type { Group } from "../../optimizer.ts";

export type States =
  | "z"
  | "exp_avg"
  | "exp_avg_sq"
  | "exp_avg_sq_row"
  | "exp_avg_sq_col"
  | "p0"
  | "s"
  | "exp_avg_x0_dot"
  | "max_x0_minus_l1_norm"
  | "max_x0_minus_l2_norm";

/** `d_shared` is the mean of all groups' with split_groups_mean. */
export type Names = "d" | "d_shared" | "d_numerator" | "max_d_numerator" | "weight_sum";

export type Hyper =
  | "lr"
  | "first"
  | "estimating"
  | "begun"
  | "slow"
  | "plain"
  | "beta2"
  | "fresh2"
  | "clip"
  | "decay"
  | "looking";

export type Before = Omit<Group<States, Hyper, Names>, "next">;
export type Stepping = Group<States, Hyper, Names>;

/** Arguments that do not contradict each other, and whether mistakes are repeated. */
export interface Given extends Arguments {
  readonly compat: boolean;
}

export const constant = (like: Tensor, x: number): Tensor => like.graph.constant(Float32Array.of(x), [1]);

/** The sum of all, one value. */
export const one = (x: Tensor): Tensor => reshape(sum(x), [1]);

/** d, or the mean of all groups', times the rate. */
export const rateOf = ({ hyper, numbers: { d, d_shared } }: Pick<Before, "hyper" | "numbers">): Tensor =>
  mul(d_shared ?? d, hyper.lr);

/** k x, k fixed. */
export const times = (x: Tensor, k: number): Tensor => affine(x, k, 0);
