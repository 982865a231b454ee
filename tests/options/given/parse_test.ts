import assert from "node:assert/strict";
import { UsageError } from "../../../src/base/errors.ts";
import { HelpWanted, parseArgs } from "../../../src/options/given/parse.ts";
import { choice, flag, group, named, notYet, str, strings, working } from "../../../src/options/mod.ts";
import { refuseUnsupported, withoutEffect } from "../../../src/options/given/support.ts";
import { groups } from "../../cli/front/example_flags.ts";

const parse = (...argv: string[]) => parseArgs(argv, groups).values;
const fails = (pattern: RegExp, ...argv: string[]) =>
  assert.throws(() => parse(...argv), (error) => {
    assert.ok(error instanceof UsageError, String(error));
    assert.match(error.message, pattern);
    assert.ok(!error.message.includes("\n"));
    return true;
  });

Deno.test("parseArgs() leaves defaults where nothing is given, and says so", () => {
  const { values, sources } = parseArgs(["--seed", "3"], groups);
  assert.deepEqual([values.learning_rate, values.seed, values.flip_aug], [2e-6, 3, false]);
  assert.deepEqual([sources.learning_rate, sources.seed], ["default", "command line"]);
});

Deno.test("parseArgs() takes underscores or dashes, = or a space, and the last of several", () => {
  assert.equal(parse("--learning-rate", "1e-4").learning_rate, 1e-4);
  assert.equal(parse("--learning_rate=.5").learning_rate, 0.5);
  assert.equal(parse("--seed", "1", "--seed", "2").seed, 2);
  assert.equal(parse("--config_file=a=b").config_file, "a=b");
});

Deno.test("parseArgs() takes unambiguous prefixes, where the oldest script's flags come first", () => {
  assert.equal(parse("--se", "5").seed, 5);
  assert.equal(parse("--network-m", "1").network_mul instanceof Array, true);
  assert.equal(parse("--learning_c").learning_curve, true);
  assert.equal(parse("--fl").flip_aug, true); // --flat is easel's own
  fails(/--learning is ambiguous: --learning_rate, --learning_steps$/, "--learning", "1");
});

Deno.test("parseArgs() takes lists until the next flag, negative numbers included", () => {
  assert.deepEqual(parse("--network_args", "a=1", "b=2", "--seed", "-7"), {
    ...parse("--seed=-7"),
    network_args: ["a=1", "b=2"],
  });
  assert.deepEqual(parse("--network_mul", "-0.5", "1e-3", "-1e-3", "-.5").network_mul, [
    -0.5,
    1e-3,
    -1e-3,
    -0.5,
  ]);
  assert.deepEqual(parse("--network_args").network_args, []);
  assert.deepEqual(parse("--network_args=a=1").network_args, ["a=1"]);
  assert.deepEqual(parse("--noise_range", "0", "1").noise_range, [0, 1]);
  fails(/--noise_range needs 2 values, 1 given/, "--noise_range", "0");
});

Deno.test("parseArgs() reads numbers as Python does", () => {
  assert.equal(parse("--seed", "1_000").seed, 1000);
  assert.equal(parse("--seed", " +5 ").seed, 5);
  for (const bad of ["inf", "nan"]) fails(/--learning_rate is a finite number, /, "--learning_rate", bad);
  for (const bad of ["1.0", "0x10", "", "1e3", "one"]) fails(/--seed takes a whole number, "/, "--seed", bad);
  for (const bad of ["", "1,5", "0x1", "1e"]) {
    fails(/--learning_rate takes a number, "/, "--learning_rate", bad);
  }
});

Deno.test("parseArgs() reads steps, shares and percentages", () => {
  assert.deepEqual(parse("--warmup", "10").warmup, { steps: 10 });
  assert.deepEqual(parse("--warmup", "0.1").warmup, { ratio: 0.1 });
  assert.deepEqual(parse("--warmup", "5%").warmup, { ratio: 0.05 });
  fails(/--warmup takes /, "--warmup", "1.5");
});

Deno.test("parseArgs() refuses what it does not know, with the nearest name", () => {
  fails(
    /^--learnig_rate is not a flag of this command; did you mean --learning_rate\?$/,
    "--learnig_rate",
    "1",
  );
  fails(/^--zzzzzzzz is not a flag of this command$/, "--zzzzzzzz");
  fails(/^-x is not a flag/, "-x");
  fails(/"stray" is not expected here/, "stray");
  fails(/^--seed needs a value$/, "--seed");
  fails(/^--seed needs a value$/, "--seed", "--flip_aug");
  fails(/^--flip_aug takes no value, "1" was given$/, "--flip_aug=1");
  fails(/^--mode is one of no, fp16, bf16; "fp61" was given; did you mean fp16\?$/, "--mode", "fp61");
  fails(/^--learning_steps is 1 or more, 0 was given$/, "--learning_steps", "0");
});

Deno.test("parseArgs() asks for help wherever -h stands", () => {
  assert.throws(() => parse("--seed", "1", "-h"), HelpWanted);
  assert.throws(() => parse("--help"), HelpWanted);
});

Deno.test("parseArgs() counts arguments that are no flags", () => {
  assert.deepEqual(parseArgs(["a", "--", "--b"], groups, ["FILE", "MORE..."]).positionals, ["a", "--b"]);
  assert.throws(() => parseArgs([], groups, ["FILE"]), /FILE is missing/);
  assert.throws(() => parseArgs(["a", "b"], groups, ["FILE"]), /"b" is not expected here/);
});

Deno.test("refuseUnsupported() lets defaults pass and nothing else", () => {
  const check = (...argv: string[]) => refuseUnsupported(parseArgs(argv, groups), groups);
  check();
  check("--turbo", "1.5");
  assert.throws(() => check("--turbo", "2"), /^UsageError: --turbo is not supported yet$/);
  assert.throws(() => check("--turbo_list"), /--turbo_list is not supported yet/);
});

Deno.test("values that are known but do nothing yet are refused together with flags, names of others are not", () => {
  const rows = [
    group("three", {
      sampler: working(["ddim", "euler_a"], choice(["ddim", "euler_a", "heun"], "ddim", "sampler")),
      modules: working(["networks.lora"], strings("modules")),
      optimizer: named(["AdamW"], str("", "optimizer")),
      turbo: notYet(flag("not yet")),
    }),
  ];
  const check = (...argv: string[]) => refuseUnsupported(parseArgs(argv, rows), rows);
  check("--sampler", "euler_a", "--modules", "networks.lora", "--optimizer", "torch.optim.adamw");
  for (
    const [line, message] of [
      ["--sampler heun", "--sampler heun is not supported yet; --sampler takes ddim or euler_a"],
      [
        "--modules a networks.lora b --turbo",
        "--modules a, --modules b and --turbo are not supported yet; --modules takes networks.lora",
      ],
    ]
  ) assert.throws(() => check(...line.split(" ")), { name: "UsageError", message });
  assert.throws(
    () => check("--sampler", "EULER_A"),
    /--sampler is one of ddim, euler_a; "EULER_A" was given; did you mean euler_a\?$/,
  );
});

Deno.test("withoutEffect() names flags that change nothing", () => {
  assert.deepEqual(withoutEffect(parseArgs(["--xformers"], groups), groups), [
    "--xformers has no effect: there is one attention",
  ]);
  assert.deepEqual(withoutEffect(parseArgs([], groups), groups), []);
});

Deno.test("an empty path and 75 tokens mean unset on the command line as well", async () => {
  const { trainNetworkGroups } = await import("../../../src/training/options.ts");
  const parse = (...argv: string[]) => parseArgs(argv, trainNetworkGroups).values;
  assert.equal(parse("--vae", "").vae, null);
  assert.equal(parse("--log_with", "").log_with, null);
  assert.equal(parse("--max_token_length", "75").max_token_length, null);
  assert.throws(() => parse("--save_every_n_steps", "0"), /is 1 or more/);
});
