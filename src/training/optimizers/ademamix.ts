/** AdEMAMix: Adam with a second, slow average (arXiv 2409.03137), as bitsandbytes has it. */
import { add, affine, div, mul, sqrt, sub } from "../../graph/mod.ts";
import { number, shares } from "./arguments.ts";
import { lerp, meanSquare, rest } from "./formulas.ts";
import { type Optimizer, rule } from "./optimizer.ts";

export const ademamix: Optimizer = {
  names: ["bitsandbytes.optim.AdEMAMix"],
  recorded: "bitsandbytes.optim.ademamix.AdEMAMix",
  args: {
    betas: shares(0.9, 0.999, 0.9999),
    alpha: number(5),
    t_alpha: number(null),
    t_beta3: number(null),
    eps: number(1e-8),
    weight_decay: number(1e-2),
  },
  rule: ({ betas: [beta1, beta2, beta3], alpha, t_alpha, t_beta3, eps, weight_decay }) => {
    /** Both rise to their values over so many steps, the average's length evenly in its half-life. */
    const alphaAt = (step: number) => t_alpha === null ? alpha : Math.min(step * alpha / t_alpha, alpha);
    const beta3At = (step: number) => {
      if (t_beta3 === null) return beta3;
      const [from, to] = [Math.log(beta1), Math.log(beta3)], t = step / t_beta3;
      return Math.min(Math.exp(from * to / ((1 - t) * to + t * from)), beta3);
    };
    return rule({
      states: { m1: 0, m2: 0, nu: 0 },
      hyper: ({ lr, step }) => ({
        lr,
        beta1,
        beta2,
        beta3: beta3At(step),
        alpha: alphaAt(step),
        bias1: 1 - beta1 ** step,
        root: Math.sqrt(1 - beta2 ** step),
        keep: 1 - lr * weight_decay,
      }),
      update({ weight, grad, state, hyper }) {
        const m1 = lerp(state.m1, grad, rest(hyper.beta1)), m2 = lerp(state.m2, grad, rest(hyper.beta3));
        const nu = meanSquare(state.nu, grad, hyper.beta2);
        const mixed = add(div(m1, hyper.bias1), mul(m2, hyper.alpha));
        const change = div(mixed, affine(div(sqrt(nu), hyper.root), 1, eps));
        return { weight: mul(sub(weight, mul(change, hyper.lr)), hyper.keep), m1, m2, nu };
      },
    });
  },
};
