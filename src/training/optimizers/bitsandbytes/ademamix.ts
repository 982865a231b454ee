/** AdEMAMix: Adam with a second, slow average (arXiv 2409.03137), as bitsandbytes has it. */
import { add, div, mul, sqrt, sub } from "../../../graph/mod.ts";
import { type Arguments, number, shares } from "../arguments.ts";
import { average, averageSquare } from "../formulas.ts";
import { rule } from "../optimizer.ts";
import { classesOf } from "./classes.ts";

export const ademamixes = classesOf({
  name: "AdEMAMix",
  file: "ademamix",
  paged: true,
  args: {
    betas: shares(0.9, 0.999, 0.9999),
    alpha: number(5),
    t_alpha: number(null),
    t_beta3: number(null),
    eps: number(1e-8),
    weight_decay: number(1e-2),
  },
  maps: { m1: "signed", m2: "signed", nu: "unsigned" },
  rule: mixed,
});

function mixed({ betas: [beta1, beta2, beta3], alpha, t_alpha, t_beta3, eps, weight_decay }: Arguments) {
  /** Both rise to their values over so many steps, the average's length evenly in its half-life. */
  const alphaAt = (step: number) => t_alpha === null ? alpha : Math.min(step * alpha / t_alpha, alpha);
  const beta3At = (step: number, beta1: number) => {
    if (t_beta3 === null) return beta3;
    const [from, to] = [Math.log(beta1), Math.log(beta3)], t = step / t_beta3;
    return Math.min(Math.exp(from * to / ((1 - t) * to + t * from)), beta3);
  };
  return rule({
    states: { m1: 0, m2: 0, nu: 0 },
    // one division a weight: what stands above and below the fraction is times the second moment's root
    momentum: true,
    hyper({ lr, step, momentum = beta1 }) {
      const root = Math.sqrt(1 - beta2 ** step);
      return {
        ...{ beta1: momentum, fresh1: 1 - momentum, beta2, fresh2: 1 - beta2 },
        ...{ beta3: beta3At(step, momentum), fresh3: 1 - beta3At(step, momentum) },
        rate1: lr * root / (1 - momentum ** step),
        rate2: lr * root * alphaAt(step),
        least: eps * root,
        keep: 1 - lr * weight_decay,
      };
    },
    update({ weight, grad, state, hyper }) {
      const m1 = average(state.m1, grad, hyper.beta1, hyper.fresh1);
      const m2 = average(state.m2, grad, hyper.beta3, hyper.fresh3);
      const nu = averageSquare(state.nu, grad, hyper.beta2, hyper.fresh2);
      const mix = add(mul(m1, hyper.rate1), mul(m2, hyper.rate2));
      return { weight: sub(mul(weight, hyper.keep), div(mix, add(sqrt(nu), hyper.least))), m1, m2, nu };
    },
  });
}
