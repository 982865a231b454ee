/** docs/automation.md against what --json prints: every event is described, and every described event is seen. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { Interrupted, UserError } from "../../../src/base/errors.ts";
import { COMMANDS } from "../../../src/cli/commands/index.ts";
import { loadCommands } from "../../../src/cli/pages/describe.ts";
import { EventPrinter } from "../../../src/cli/screen/events.ts";
import { easel, easelCommand, inFolder, ROOT, userFolder } from "../easel.ts";

type Event = Record<string, unknown>;

interface Field {
  readonly type: string;
  readonly optional: boolean;
}

const PAGE = Deno.readTextFileSync(join(ROOT, "docs/automation.md"));

/** Heading -> the fields of the table below it, and the example lines. */
function described(): Map<string, { fields: Map<string, Field>; examples: Event[] }> {
  const sections = PAGE.split(/^(?=#{2,3} )/m).map((text) => [/^#+ (.+)$/m.exec(text)?.[1] ?? "", text]);
  return new Map(sections.map(([title, text]) => {
    const rows = [...text.matchAll(/^\| `(\w+)(\??)`\s+\| (\w+)\s+\|/gm)];
    const fields = new Map(rows.map(([, name, mark, type]) => [name, { type, optional: mark === "?" }]));
    const examples = [...text.matchAll(/^ {4}(\{.*\})$/gm)].map(([, json]) => JSON.parse(json));
    return [title, { fields, examples }];
  }));
}

const SECTIONS = described();
const COMMON = SECTIONS.get("Events")!.fields;
const KINDS = ["plan", "step", "save", "sample", "validation", "done", "error"];

function check(event: Event): void {
  const kind = String(event.event), section = SECTIONS.get(kind);
  assert.ok(section && KINDS.includes(kind), `event ${kind} is not described`);
  const fields = new Map([...COMMON, ...section.fields]);
  for (const [name, value] of Object.entries(event)) {
    const field = fields.get(name);
    assert.ok(field, `${kind}.${name} is not described`);
    if (value === null) assert.equal(field.type, "number", `${kind}.${name} is null`);
    else assert.equal(typeof value, field.type, `${kind}.${name}`);
  }
  for (const [name, { optional }] of fields) {
    assert.ok(optional || name in event, `${kind}.${name} is missing`);
  }
  assert.equal(event.v, 1);
  assert.match(String(event.time), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
}

/** One JSON object a line, all as described, and a single done or error at the end. */
function events(stdout: string): Event[] {
  const all: Event[] = stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
  all.forEach(check);
  const ends = all.filter(({ event }) => event === "done" || event === "error");
  assert.deepEqual(ends, [all.at(-1)]);
  return all;
}

const of = (all: readonly Event[], kind: string) => all.filter(({ event }) => event === kind);

const TRAIN = [
  "train_network",
  "--pretrained_model_name_or_path",
  "model.safetensors",
  "--train_data_dir",
  "images",
]
  .concat([
    "--output_dir",
    "out",
    "--output_name",
    "cat",
    "--network_dim",
    "2",
    "--resolution",
    "64",
    "--seed",
    "5",
  ])
  .concat(["--network_module", "networks.lora", "--caption_extension", ".txt", "--threads", "1", "--json"]);

Deno.test("docs/automation.md shows an example of each event as it describes them", () => {
  for (const kind of KINDS) {
    const { examples } = SECTIONS.get(kind)!;
    assert.equal(examples.length, 1, kind);
    assert.equal(examples[0].event, kind);
    check(examples[0]);
  }
});

Deno.test("every command that works for a while prints events, as docs/automation.md says", async () => {
  assert.match(PAGE, /^`--json` on every command that works for a while/m);
  const loaded = await loadCommands(COMMANDS);
  const without = loaded.filter(({ command }) => !command.groups.some(({ rows }) => "json" in rows));
  // what they print is their result
  const printing = [
    "lora_interrogator",
    "check_lora_weights",
    "show_metadata",
    "plan",
    "completions",
    "man",
  ];
  assert.deepEqual(without.map(({ entry }) => entry.name).sort(), printing.sort());
});

Deno.test("train_network --json prints plan, steps, saves, samples and done, and nothing else on standard output", async () => {
  await inFolder(async (folder) => {
    const env = await userFolder(folder);
    await Deno.writeTextFile(join(folder, "prompts.txt"), "a thing --w 64 --h 64 --s 1 --d 3\n");
    const more = ["--max_train_steps", "4", "--gradient_accumulation_steps", "2", "--cache_latents"]
      .concat(["--save_every_n_steps", "2", "--save_state", "--sample_prompts", "prompts.txt"])
      .concat(["--sample_every_n_steps", "4", "--validation_split", "0.3", "--validate_every_n_steps", "3"]);
    const { code, stdout, stderr } = await easel([...TRAIN, ...more], { cwd: folder, env });
    assert.equal(code, 0, stderr);
    assert.match(stderr, /training 4\/4/);
    const all = events(stdout);
    const [plan] = of(all, "plan");
    assert.deepEqual([plan.task, plan.steps, plan.seed], ["training", 4, 5]);
    const steps = of(all, "step").filter(({ task }) => task === "training");
    assert.deepEqual(steps.map(({ step }) => step), [0, 1, 2, 3, 4]);
    for (const step of steps.slice(1)) {
      assert.ok(Number(step.loss) > 0 && Number(step.grad_norm) > 0 && Number(step.memory_bytes) > 0);
      const rates = Object.values(step.learning_rates as Record<string, number>);
      assert.ok(rates.length > 0 && rates.every((rate) => rate === 2e-6), JSON.stringify(step));
    }
    assert.ok(of(all, "step").some(({ task, step, total }) => task === "caching latents" && step === total));
    const [held] = of(all, "validation");
    assert.ok(Number(held.loss) > 0 && Number.isFinite(held.divergence), JSON.stringify(held));
    assert.ok(of(all, "validation").some(({ step, epoch }) => step === 3 && epoch === undefined));
    const saves = of(all, "save");
    assert.deepEqual(saves.map(({ what, step }) => `${what} ${step}`), [
      "model 2",
      "state 2",
      "model 4",
      "state 4",
      "model 4",
      "state 4",
    ]);
    const [sample] = of(all, "sample");
    assert.deepEqual([sample.prompt, sample.seed, sample.width, sample.step], ["a thing", 3, 64, 4]);
    for (const { path } of [...saves, sample]) await Deno.stat(join(folder, String(path)));
    assert.equal(all.at(-1)!.command, "train_network");
  });
});

Deno.test("gen_img --json and plan --json print their events", async () => {
  await inFolder(async (folder) => {
    const env = await userFolder(folder);
    const draw = [
      "gen_img",
      "--ckpt",
      "model.safetensors",
      "--W",
      "64",
      "--H",
      "64",
      "--steps",
      "2",
      "--json",
    ];
    const drawn = await easel([...draw, "--prompt", "a thing --d 7", "--outdir", "pictures"], {
      cwd: folder,
      env,
    });
    const all = events(drawn.stdout);
    const [plan] = of(all, "plan"), [sample] = of(all, "sample");
    assert.deepEqual([plan.task, plan.pictures, plan.steps], ["drawing", 1, 2]);
    assert.deepEqual([sample.prompt, sample.seed, sample.height], ["a thing", 7, 64]);
    assert.ok(Number(sample.seconds) > 0 && !Number.isNaN(Date.parse(String(sample.time))));
    await Deno.stat(join(folder, String(sample.path)));
    assert.equal(of(all, "step").at(-1)!.step, 2);
    const planned = events(
      (await easel(["plan", ...TRAIN, "--max_train_steps", "3"], { cwd: folder, env })).stdout,
    );
    const [memory] = of(planned, "plan");
    assert.equal(
      memory.peak_bytes,
      ["parameter_bytes", "program_bytes", "process_bytes"].reduce(
        (sum, key) => sum + Number(memory[key]),
        0,
      ),
    );
    assert.deepEqual(planned.map(({ event }) => event), ["plan", "done"]);
  });
});

Deno.test("mistakes and failures end in an error event with the exit status", async () => {
  const cases: [string[], string, number, RegExp][] = [
    [[...TRAIN, "--learnig_rate", "1"], "usage", 2, /did you mean --learning_rate/],
    [[...TRAIN, "--deepspeed"], "usage", 2, /^--deepspeed is not supported yet$/],
    [[...TRAIN, "--vae", "none.safetensors"], "failed", 1, /does not exist/],
    [["gen_img", "--json"], "usage", 2, /--ckpt and --prompt .* are missing/],
  ];
  await inFolder(async (folder) => {
    for (const [args, kind, status, message] of cases) {
      const { code, stdout, stderr } = await easel(args, { cwd: folder });
      const [event, ...rest] = events(stdout);
      assert.deepEqual(
        [event.event, event.kind, event.exit_code, code],
        ["error", kind, status, status],
        stderr,
      );
      assert.match(String(event.message), message);
      assert.ok(stderr.includes(String(event.message)));
      assert.deepEqual(rest, []);
    }
  });
});

Deno.test("Ctrl-C ends in an error event of kind interrupted after the saves", async () => {
  await inFolder(async (folder) => {
    const env = await userFolder(folder);
    const child = easelCommand([...TRAIN, "--max_train_steps", "1000000"], {
      cwd: folder,
      env,
      stderr: "null",
    }).spawn();
    const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (let sent = false;;) {
      const { value, done } = await reader.read();
      if (done) break;
      text += value;
      if (!sent && /"step":2,/.test(text)) {
        sent = true;
        child.kill("SIGINT");
      }
    }
    assert.equal((await child.status).code, 130);
    const all = events(text), end = all.at(-1)!;
    assert.deepEqual([end.event, end.kind, end.exit_code], ["error", "interrupted", 130]);
    assert.deepEqual(of(all, "save").map(({ what }) => what), ["model", "state"]);
  });
});

Deno.test("SIGUSR1 saves and SIGUSR2 draws in the middle of a training, which then ends as ever", async () => {
  await inFolder(async (folder) => {
    const env = await userFolder(folder);
    await Deno.writeTextFile(join(folder, "prompts.txt"), "a cat --s 2");
    const child = easelCommand(
      [...TRAIN, "--max_train_steps", "1000000", "--sample_prompts", "prompts.txt"],
      {
        cwd: folder,
        env,
        stderr: "null",
      },
    ).spawn();
    const asked = [[/"step":2,/, "SIGUSR1"], [/"what":"state"/, "SIGUSR2"], [
      /"event":"sample"/,
      "SIGINT",
    ]] as const;
    let text = "", sent = 0;
    for await (const part of child.stdout.pipeThrough(new TextDecoderStream())) {
      text += part;
      if (asked[sent]?.[0].test(text)) child.kill(asked[sent++][1]);
    }
    assert.equal((await child.status).code, 130);
    const all = events(text), [first, second] = of(all, "save").filter(({ what }) => what === "state");
    assert.ok(Number(first.step) >= 2 && Number(second.step) > Number(first.step), text.slice(-500));
    for (const { path } of [first, ...of(all, "sample")]) await Deno.stat(join(folder, String(path)));
  });
});

Deno.test("a reader that goes away does not stop the training", async () => {
  await inFolder(async (folder) => {
    const env = await userFolder(folder);
    const line = ["easel", ...TRAIN, "--max_train_steps", "3"].join(" ");
    const script = `(${line}; echo $? > status) 2> log | head -n 1`;
    const output = await new Deno.Command("sh", { args: ["-c", script], cwd: folder, env, stdin: "null" })
      .output();
    assert.equal(JSON.parse(new TextDecoder().decode(output.stdout)).v, 1);
    assert.equal((await Deno.readTextFile(join(folder, "status"))).trim(), "0");
    assert.match(await Deno.readTextFile(join(folder, "log")), /nobody reads the events of --json any more/);
    await Deno.stat(join(folder, "out/cat.safetensors"));
  });
});

Deno.test("EventPrinter tells bugs from failures, and says a step once", () => {
  const lines: Event[] = [];
  const printer = new EventPrinter((line) => lines.push(JSON.parse(line)) > 0, () => new Date(0));
  printer.progress({ task: "training", step: 1, total: 2, loss: NaN });
  printer.progress({ task: "training", step: 1, total: 2, loss: 1 });
  printer.error(new TypeError("x"), "internal error: TypeError: x");
  printer.error(new UserError("x"), "x");
  printer.error(new Interrupted("x"), "x");
  lines.forEach(check);
  assert.deepEqual(lines.map(({ event, kind }) => kind ?? event), [
    "step",
    "internal",
    "failed",
    "interrupted",
  ]);
  assert.equal(lines[0].loss, null);
});

Deno.test("EventPrinter goes on where the disk was full for a while, on a line of its own", () => {
  const lines: string[] = [];
  let full = false;
  const printer = new EventPrinter((line) => !full && lines.push(line) > 0, () => new Date(0));
  const step = (step: number) => printer.progress({ task: "training", step, total: 9 });
  step(1);
  full = true;
  for (const i of [2, 3]) step(i);
  full = false;
  for (const i of [4, 5]) step(i);
  assert.deepEqual(lines.map((line) => line === "" ? "" : JSON.parse(line).step), [1, "", 4, 5]);
});
