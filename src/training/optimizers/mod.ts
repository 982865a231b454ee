/** Every optimizer, and the choice of one by --optimizer_type. */
import { UsageError } from "../../base/errors.ts";
import { guess } from "../../base/phrases.ts";
import { adadelta } from "./torch/adadelta.ts";
import { adafactor } from "./adafactor.ts";
import { adagrad } from "./torch/adagrad.ts";
import { adam, adamw } from "./torch/adam.ts";
import { adamax } from "./torch/adamax.ts";
import { adamwScheduleFree } from "./schedule_free/adamw.ts";
import { radamScheduleFree } from "./schedule_free/radam.ts";
import { sgdScheduleFree } from "./schedule_free/sgd.ts";
import { bitsandbytes } from "./bitsandbytes/mod.ts";
import { readArguments } from "./arguments.ts";
import { torchAdafactor } from "./torch/adafactor.ts";
import { asgd } from "./torch/asgd.ts";
import { dadaptAdagrad } from "./adaptive_rate/dadapt_adagrad.ts";
import { dadaptAdam } from "./adaptive_rate/dadapt_adam.ts";
import { dadaptAdamPreprint } from "./adaptive_rate/dadapt_adam_preprint.ts";
import { dadaptAdan } from "./adaptive_rate/dadapt_adan.ts";
import { dadaptAdanIp } from "./adaptive_rate/dadapt_adan_ip.ts";
import { dadaptLion } from "./adaptive_rate/dadapt_lion.ts";
import { dadaptSgd } from "./adaptive_rate/dadapt_sgd.ts";
import { lion } from "./lion.ts";
import { muon } from "./torch/muon.ts";
import { nadam } from "./torch/nadam.ts";
import type { Optimizer, Rule } from "./optimizer.ts";
import { pytorchOptimizer } from "./pytorch_optimizer/mod.ts";
import { prodigyPlus } from "./adaptive_rate/prodigy_plus/prodigy_plus.ts";
import { prodigy } from "./adaptive_rate/prodigy.ts";
import { radam } from "./torch/radam.ts";
import { rmsprop } from "./torch/rmsprop.ts";
import { rprop } from "./torch/rprop.ts";
import { sgd, sgdNesterov } from "./torch/sgd.ts";

export { rateNotes } from "./adaptive_rate/shared_rate.ts";
export type { Group, Moment, Next, Numbers, Operands, Optimizer, Rule } from "./optimizer.ts";

const OPTIMIZERS: readonly Optimizer[] = [
  ...[adamw, lion, sgdNesterov, adam, adamax, nadam, radam, adagrad, adadelta, rmsprop, rprop, asgd, sgd],
  ...[muon, torchAdafactor],
  ...bitsandbytes,
  ...pytorchOptimizer,
  ...[adamwScheduleFree, radamScheduleFree, sgdScheduleFree],
  ...[
    adafactor,
    prodigy,
    prodigyPlus,
    dadaptAdamPreprint,
    dadaptAdagrad,
    dadaptAdam,
    dadaptAdan,
    dadaptAdanIp,
    dadaptLion,
    dadaptSgd,
  ],
];

/** Every value of --optimizer_type; capitals do not matter, and torch.optim may stand before them. */
export const optimizerNames: readonly string[] = OPTIMIZERS.flatMap(({ names }) => names);

/** Those that need no library's name, for help and completion. */
export const shortNames: readonly string[] = optimizerNames.filter((name) => !name.includes("."));

/** The optimizer of a name, or of the path of a library's class; null where there is none. */
export function findOptimizer(type: string): Optimizer | null {
  const name = (type || "AdamW").toLowerCase(), [library, ...path] = name.split(".");
  const called = (wanted: string, part: (name: string) => string) => ({ names }: Optimizer) =>
    names.some((other) => part(other.toLowerCase()) === wanted);
  const plain = OPTIMIZERS.find(called(name, (other) => other));
  if (plain || path.length === 0) return plain ?? null;
  const same = OPTIMIZERS.filter(({ recorded }) => recorded.split(".")[0] === library);
  return same.find(called(path.at(-1)!, (other) => other.split(".").at(-1)!)) ?? null;
}

/** The class and the arguments as sd-scripts records them. */
export function recordedOptimizer(
  type: string,
  args: readonly string[] | null,
): { name: string; args: string[] } {
  const { recorded, implied = {} } = findOptimizer(type) ?? { recorded: type };
  const given = [...args ?? []];
  const added = Object.entries(implied).filter(([key]) =>
    !given.some((word) => word.trim().startsWith(`${key}=`))
  );
  return { name: recorded, args: [...given, ...added.map(([key, value]) => `${key}=${value}`)] };
}

/** The optimizer that the flags ask for, with its arguments. Throws UsageError for what there is not. */
export function readOptimizer(type: string, args: readonly string[] | null, compat = false): Rule {
  const optimizer = findOptimizer(type);
  if (!optimizer) {
    // a user's own class, or another library's, is likely called like what it is a kind of
    const last = type.split(".").at(-1)!, same = findOptimizer(last);
    const near = same
      ? `; did you mean ${same.names[0]}?`
      : guess(type, optimizerNames) || guess(last, shortNames);
    throw new UsageError(`optimizer ${type} is not among those that easel has${near || "; use AdamW"}`);
  }
  return optimizer.rule(readArguments(optimizer.names[0], optimizer.args, args), compat);
}
