/**
 * A command line of sd-scripts pasted after `easel`: `accelerate launch [OPTIONS] train_network.py ...`,
 * `python train_network.py ...`. What the launcher is told is understood, has no effect, or is refused by name.
 */

import { UsageError } from "../../base/errors.ts";
import { parseLeading } from "./parse.ts";
import { choice, flag, float, group, int, noEffect, notYet, str, type Value } from "../mod.ts";
import { refuseUnsupported, withoutEffect } from "./support.ts";

export interface Launch {
  /** The script and its arguments. */
  readonly argv: readonly string[];
  /** Values for flags of the script that neither the command line nor its config file gives. */
  readonly defaults: Readonly<Record<string, Value>>;
  /** Lines about options that change nothing. */
  readonly notes: readonly string[];
}

const ONE = "easel computes in one process";

/** The options of `accelerate launch`, except for groups of them that only serve what is refused anyway. */
export const launcherOptions = group("accelerate launch", {
  config_file: notYet(str(null, "accelerate's own settings")),
  cpu: flag("compute on the CPU"),
  mixed_precision: choice(["no", "fp16", "bf16", "fp8"], null, "default of the script's flag"),
  num_processes: int(1, "processes"),
  num_machines: int(1, "machines"),
  machine_rank: int(0, "which of them this is"),
  num_cpu_threads_per_process: int(null, "default of --threads", { min: 1 }),
  gpu_ids: str(null, "which GPU"),
  multi_gpu: notYet(flag("several GPUs")),
  tpu: notYet(flag("TPU")),
  use_deepspeed: notYet(flag("DeepSpeed")),
  use_fsdp: notYet(flag("FSDP")),
  use_megatron_lm: notYet(flag("Megatron-LM")),
  use_parallelism_config: notYet(flag("several kinds of parallelism")),
  module: notYet(flag("run a Python module")),
  no_python: notYet(flag("run another program")),
  quiet: noEffect("easel prints no stack for a subprocess", flag("no stack of the subprocess")),
  debug: noEffect(ONE, flag("check collective operations")),
  enable_cpu_affinity: noEffect(ONE, flag("bind processes to cores")),
  same_network: noEffect(ONE, flag("all machines are in one network")),
  main_process_ip: noEffect(ONE, str(null, "address of the first machine")),
  main_process_port: noEffect(ONE, int(null, "port of the first machine")),
  tee: noEffect(ONE, str("0", "what of the subprocesses is shown")),
  log_dir: noEffect(ONE, str(null, "logs of the subprocesses")),
  role: noEffect(ONE, str("default", "role of the workers")),
  rdzv_backend: noEffect(ONE, str("static", "how machines meet")),
  rdzv_conf: noEffect(ONE, str("", "how machines meet")),
  max_restarts: noEffect(ONE, int(0, "restarts of a worker")),
  monitor_interval: noEffect(ONE, float(0.1, "seconds between looks at the workers")),
  dynamo_backend: noEffect("every step is compiled anyway, by easel itself", str(null, "compiler")),
  dynamo_mode: noEffect("every step is compiled anyway, by easel itself", str("default", "its mode")),
  dynamo_use_fullgraph: noEffect("every step is one graph anyway", flag("one graph")),
  dynamo_use_dynamic: noEffect("there is one program for each bucket", flag("dynamic shapes")),
  dynamo_use_regional_compilation: noEffect("every step is compiled anyway", flag("compile by parts")),
});

/** Options of launchers and hardware that easel has not; none of their values can matter. */
const REFUSED =
  /^--(deepspeed|zero|offload|fsdp|megatron_lm|tpu|no_tpu|parallelism_config|fp8|ipex|use_xpu|vm$|env$)/;

const SHORT: Readonly<Record<string, string>> = { "-q": "--quiet", "-m": "--module", "-t": "--tee" };

/** Takes the launcher off; null when argv starts with none. Throws UsageError by option name. */
export function readLaunch(argv: readonly string[]): Launch | null {
  const program = baseName(argv[0]);
  if (program === "accelerate-launch") return accelerate(argv.slice(1));
  if (program === "accelerate") {
    if (argv[1] !== "launch") {
      throw new UsageError(`accelerate ${argv[1] ?? ""}: easel takes accelerate launch`);
    }
    return accelerate(argv.slice(2));
  }
  return /^(python[\d.]*|py)$/.test(program) ? python(argv) : null;
}

function baseName(word: string): string {
  return word.replace(/^.*[/\\]/, "").replace(/\.exe$/, "");
}

/** `python [-u ...] SCRIPT ...` and `python -m accelerate.commands.launch ...`. */
function python(argv: readonly string[]): Launch {
  let i = 1;
  for (; i < argv.length && argv[i].startsWith("-"); i++) {
    const word = argv[i];
    if (word === "-m") {
      if (argv[i + 1] === "accelerate.commands.launch") return accelerate(argv.slice(i + 2));
      throw new UsageError(
        `python -m ${argv[i + 1] ?? ""}: easel runs no Python; give a script of sd-scripts`,
      );
    }
    if (word === "-X" || word === "-W") i++;
    else if (!/^-[uBOsSEIb]+$/.test(word)) {
      throw new UsageError(`python ${word}: easel runs no Python; leave it out`);
    }
  }
  return { argv: script(argv.slice(i), argv[0]), defaults: {}, notes: [] };
}

function accelerate(argv: readonly string[]): Launch {
  for (const word of argv) {
    if (!word.startsWith("-")) break;
    const name = word.replace(/=.*$/, "").replaceAll("-", "_").replace(/^__/, "--");
    if (REFUSED.test(name)) throw new UsageError(`accelerate launch ${name} is not supported yet`);
  }
  const words = argv.map((word) => Object.hasOwn(SHORT, word) ? SHORT[word] : word);
  const { parsed, rest } = named(() => parseLeading(words, [launcherOptions]));
  named(() => refuseUnsupported(parsed, [launcherOptions]));
  // short spellings are only the launcher's: what follows the script is left alone
  const after = script(argv.slice(argv.length - rest.length), "accelerate launch");
  const values = parsed.values;
  for (const [name, wanted] of [["num_processes", 1], ["num_machines", 1], ["machine_rank", 0]] as const) {
    if (values[name] === wanted) continue;
    throw new UsageError(`accelerate launch --${name} ${values[name]} is not supported yet; ${ONE}`);
  }
  if (String(values.gpu_ids ?? "").includes(",")) {
    throw new UsageError(`accelerate launch --gpu_ids ${values.gpu_ids} is not supported yet; ${ONE}`);
  }
  if (values.mixed_precision === "fp8") {
    throw new UsageError("accelerate launch --mixed_precision fp8 is not supported yet; bf16 and fp16 are");
  }
  const notes = withoutEffect(parsed, [launcherOptions]);
  if (values.gpu_ids !== null) notes.push("--gpu_ids has no effect: easel takes the first GPU");
  const defaults: Record<string, Value> = {};
  if (values.cpu) defaults.device = "cpu";
  if (values.mixed_precision !== null) defaults.mixed_precision = values.mixed_precision;
  if (values.num_cpu_threads_per_process !== null) defaults.threads = values.num_cpu_threads_per_process;
  return { argv: after, defaults, notes };
}

/** Errors of the launcher's options name the launcher. */
function named<T>(parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    if (cause instanceof UsageError) {
      throw new UsageError(
        `accelerate launch: ${cause.message.replace("of this command", "that easel knows")}`,
        {
          cause,
        },
      );
    }
    throw cause;
  }
}

function script(argv: readonly string[], launcher: string): readonly string[] {
  if (argv.length) return argv;
  throw new UsageError(`${launcher}: the script is missing, as in ${launcher} train_network.py`);
}
