/**
 * Command lines of sd-scripts' documentation, and of its scripts' help, pasted behind `easel`. data/commands.json holds
 * each with the values that differ from the defaults; data/flags.json the defaults of the reference's argparse.
 */

import assert from "node:assert/strict";
import { UsageError, UserError } from "../../../src/base/errors.ts";
import { parseArgs } from "../../../src/options/given/parse.ts";
import type { Value } from "../../../src/options/mod.ts";
import { readLaunch } from "../../../src/options/given/launcher.ts";
import { findCommand } from "../../../src/cli/front/program.ts";
import { prepare } from "../../../src/cli/front/run_command.ts";
import { refuseUnsupported } from "../../../src/options/given/support.ts";
import { SCRIPTS_NOT_YET } from "../../../src/options/given/scripts.ts";
import { commandOf } from "../../../src/cli/command.ts";
import { COMMANDS } from "../../../src/cli/commands/index.ts";

interface Row {
  from: string;
  command: string;
  argv: string[];
  /** Other than the default. */
  values?: Record<string, unknown>;
  /** A flag that the script of that name has not either, or that easel does not honour. */
  refused?: string;
}

const read = (name: string) => JSON.parse(Deno.readTextFileSync(new URL(`../data/${name}`, import.meta.url)));
const rows: Row[] = read("commands.json");
type Spec = { flag: string; default: unknown; in_0_9_1: boolean }[];
const spec: Record<string, Spec> = read("flags.json"), more: Record<string, Spec> = read("more_flags.json");

/** The flags of a script; of those that are close to train_network they that it has, with its own in their place. */
function flagsOf(script: string, known: Readonly<Record<string, unknown>>): Spec {
  if (spec[script]) return spec[script];
  const own = new Set(more[script].map(({ flag }) => flag));
  const shared = spec.train_network.filter(({ flag }) => !own.has(flag));
  return [...shared, ...more[script]].filter(({ flag }) => Object.hasOwn(known, flag.replace(/^--/, "")));
}

/** As program.ts takes a command line apart. */
async function parse(argv: readonly string[]) {
  const launch = readLaunch(argv);
  const [word, ...rest] = launch?.argv ?? argv;
  const { entry, flags } = await findCommand(word);
  const command = await entry.load();
  return {
    name: entry.name,
    groups: command.groups,
    launch,
    ...parseArgs([...flags, ...rest], command.groups, command.positionals),
  };
}

/** The reference has one number where easel tells steps from shares. */
function plain(value: Value): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return "steps" in value ? value.steps : value.ratio;
}

for (const row of rows) {
  Deno.test(`${row.from}: ${row.refused ? `${row.refused} is refused` : "the same values as the reference's"}`, async () => {
    if (row.refused) {
      await assert.rejects(
        parse(row.argv).then((parsed) => refuseUnsupported(parsed, parsed.groups)),
        new RegExp(`^UsageError: .*${row.refused}\\b.* (is not a flag of this command|not supported yet)`),
      );
      return;
    }
    const parsed = await parse(row.argv);
    assert.equal(parsed.name, row.command);
    const flags = flagsOf(row.command, parsed.values);
    for (const { flag, default: standard, in_0_9_1 } of flags) {
      if (!in_0_9_1) continue;
      const name = flag.replace(/^--/, "");
      const wanted = Object.hasOwn(row.values!, name) ? row.values![name] : standard;
      assert.deepEqual(plain(parsed.values[name]), wanted, name);
    }
    const known = new Set(flags.map(({ flag }) => flag.replace(/^--/, "")));
    assert.deepEqual(Object.keys(row.values!).filter((name) => !known.has(name)), []);
  });
}

Deno.test("the table has command lines of every script and every launcher", () => {
  const count = (wanted: (row: Row) => boolean) => rows.filter(wanted).length;
  const close = Object.keys(more).filter((name) => COMMANDS.some((command) => command.name === name));
  for (const script of [...Object.keys(spec), ...close]) {
    assert.ok(count((row) => row.command === script) > 0, script);
  }
  for (const program of ["accelerate", "python"]) {
    assert.ok(count((row) => row.argv[0] === program) > 0, program);
  }
});

Deno.test("accelerate's threads, precision and --cpu are the defaults of the script's flags", async () => {
  const line = [
    "accelerate",
    "launch",
    "--num-cpu-threads-per-process=4",
    "--mixed_precision",
    "bf16",
    "--cpu",
  ];
  const single = ["--num_processes", "1", "--num_machines=1", "--machine_rank", "0", "--gpu_ids", "0", "-q"];
  const { launch, name, values } = await parse([...line, ...single, "./train_network.py", "--seed", "-1"]);
  assert.equal(name, "train_network");
  assert.equal(values.seed, -1);
  assert.deepEqual(launch!.defaults, { device: "cpu", mixed_precision: "bf16", threads: 4 });
  assert.deepEqual(launch!.notes.map((note) => note.split(" ")[0]), ["--quiet", "--gpu_ids"]);
});

Deno.test("the launcher's values give way to the config file's, and those to the command line's", async () => {
  const path = await Deno.makeTempFile({ suffix: ".toml" });
  await Deno.writeTextFile(path, 'mixed_precision = "fp16"\n');
  const { trainNetworkJob } = await import("../../../src/training/jobs/train_network_job.ts");
  const unchecked = { ...commandOf(trainNetworkJob), check: undefined, required: undefined };
  const needed = ["--pretrained_model_name_or_path", "model", "--output_dir", "out"];
  const settled = (...argv: string[]) => {
    const typed = parseArgs([...needed, ...argv], trainNetworkJob.groups);
    const { input, notes } = prepare(
      unchecked,
      typed,
      { mixed_precision: "bf16", threads: 3, nothing: 1 },
      "x",
    );
    assert.match(notes[0], /^the launcher's --nothing has no effect/);
    const { mixedPrecision, threads } = input.values as { mixedPrecision: string; threads: number };
    return [mixedPrecision, input.source("mixed_precision"), threads];
  };
  assert.deepEqual(settled(), ["bf16", "launcher", 3]);
  assert.deepEqual(settled("--config_file", path), ["fp16", "config file", 3]);
  assert.deepEqual(settled("--config_file", path, "--mixed_precision", "no"), ["no", "command line", 3]);
  await Deno.remove(path);
});

Deno.test("what easel cannot do is refused by the launcher's own name for it", async () => {
  const cases: [string[], RegExp][] = [
    [["--multi_gpu"], /accelerate launch: --multi_gpu is not supported yet$/],
    [["--num_processes", "2"], /accelerate launch --num_processes 2 is not supported yet/],
    [["--num_machines=2"], /--num_machines 2 is not supported yet/],
    [["--use_deepspeed"], /--use_deepspeed is not supported yet/],
    [["--deepspeed_config_file", "x.json"], /--deepspeed_config_file is not supported yet/],
    [["--fsdp_offload_params=true"], /--fsdp_offload_params is not supported yet/],
    [["--tpu"], /--tpu is not supported yet/],
    [["--gpu_ids", "0,1"], /--gpu_ids 0,1 is not supported yet/],
    [["--mixed_precision", "fp8"], /--mixed_precision fp8 is not supported yet/],
    [["--config_file", "accelerate.yaml"], /accelerate launch: --config_file is not supported yet/],
    [["-m"], /--module is not supported yet/],
    [
      ["--num_cpu_thread"],
      /accelerate launch: --num_cpu_threads_per_process takes a whole number, "train_network.py"/,
    ],
    [
      ["--mixed_precison", "no"],
      /--mixed_precison is not a flag that easel knows; did you mean --mixed_precision\?/,
    ],
  ];
  for (const [options, pattern] of cases) {
    await assert.rejects(parse(["accelerate", "launch", ...options, "train_network.py"]), (error) => {
      assert.ok(error instanceof UsageError, String(error));
      assert.match(error.message, pattern);
      return true;
    });
  }
  await assert.rejects(parse(["accelerate", "config"]), /easel takes accelerate launch/);
  await assert.rejects(parse(["accelerate", "launch"]), /the script is missing/);
  await assert.rejects(parse(["python", "-c", "print()"]), /easel runs no Python/);
  await assert.rejects(parse(["python", "-m", "pip"]), /easel runs no Python/);
});

Deno.test("scripts are found by any path, and through Python's own ways to start accelerate", async () => {
  for (
    const argv of [
      ["train_network.py"],
      ["./train_network.py"],
      ["/opt/sd-scripts/train_network.py"],
      ["C:\\sd-scripts\\train_network.py"],
      ["train-network"],
      ["python3.10", "-u", "train_network.py"],
      ["/usr/bin/python3", "-X", "utf8", "train_network.py"],
      ["venv\\Scripts\\python.exe", "train_network.py"],
      ["python", "-m", "accelerate.commands.launch", "train_network.py"],
      ["accelerate-launch", "--num_cpu_threads_per_process", "1", "train_network.py"],
    ]
  ) assert.equal((await parse(argv)).name, "train_network", argv.join(" "));
  assert.equal((await parse(["networks/resize_lora.py"])).name, "resize_lora");
});

Deno.test("scripts that easel does not have are told from misspelt ones", async () => {
  await assert.rejects(parse(["python", "flux_train.py"]), (error) => {
    assert.ok(error instanceof UserError);
    assert.equal(error.exitCode, 2);
    assert.match(error.message, /^flux_train is not supported yet/);
    return true;
  });
  for (
    const [script, message] of [
      ["networks/lora_diffusers.py", /is an example in Python; easel gen_img --network_weights draws with a/],
      ["tools/original_control_net.py", /is a part of gen_img; easel gen_img --control_net_models draws/],
      ["finetune/hypernetwork_nai.py", /^hypernetwork_nai is a part of no script; easel trains and draws/],
    ] as const
  ) await assert.rejects(parse([script]), { name: "UsageError", message });
  await assert.rejects(parse(["train_netwrok.py"]), /did you mean train_network\?/);
  for (const [name, near] of Object.entries(SCRIPTS_NOT_YET)) {
    const known = COMMANDS.map((command) => command.name);
    assert.ok(!known.includes(name), `${name} is a command now and leaves the list`);
    for (const [, named] of near.matchAll(/easel ([a-z_]+_[a-z]+|inspect)/g)) {
      assert.ok(known.includes(named), near);
    }
  }
});

/** Shows how something is done with a library; its name answers with what does that here. */
const EXAMPLE = "lora_diffusers";

Deno.test("every script of sd-scripts 0.9.1 is a command", async () => {
  for (const script of read("scripts.json") as string[]) {
    const name = script.replace(/^.*\/|\.py$/g, "");
    if (name === EXAMPLE) await assert.rejects(() => findCommand(script), { message: /easel gen_img/ });
    else assert.ok((await findCommand(script)).entry.name, script);
    assert.ok(!Object.hasOwn(SCRIPTS_NOT_YET, name), script);
  }
});

Deno.test("a word that is no command is refused, whatever it is", async () => {
  for (const word of ["trian", "constructor", "toString.py", "__proto__"]) {
    await assert.rejects(() => findCommand(word), { name: "UsageError", message: /is not a command/ });
    assert.deepEqual(readLaunch(["accelerate", "launch", word])?.argv, [word]);
  }
});
