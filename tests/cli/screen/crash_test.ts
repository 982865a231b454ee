/** What a bug looks like. */

import assert from "node:assert/strict";
import { COMMANDS } from "../../../src/cli/commands/index.ts";
import { crashReport, SECRET_FLAGS, withoutSecrets } from "../../../src/cli/screen/crash.ts";
import { rowsOf } from "../../../src/options/mod.ts";
import { VERSION } from "../../../src/cli/screen/version.ts";
import { decoded } from "../easel.ts";

Deno.test("crashReport() has version, platform, command line and stack in one block", () => {
  const error = new TypeError("x is not a function", { cause: new RangeError("deep") });
  const lines = crashReport(["gen_img", "--ckpt", "/a b/m.ckpt", "--prompt", "it's"], error).split("\n");
  assert.match(lines[1], /^-+ 8< -+$/);
  assert.match(lines.at(-1)!, /^-+ >8 -+$/);
  assert.ok(lines[2].startsWith(`easel ${VERSION}, ${Deno.build.os} `), lines[2]);
  assert.equal(lines[3], `command: easel gen_img --ckpt '/a b/m.ckpt' --prompt 'it'\\''s'`);
  assert.equal(lines[4], "TypeError: x is not a function");
  assert.ok(lines.some((line) => /^\s+at .*crash_test\.ts/.test(line)));
  assert.ok(lines.includes("caused by RangeError: deep"));
});

Deno.test("withoutSecrets() masks keys and tokens however they are given, and keeps paths", () => {
  const cases: [string[], string[]][] = [
    [["--wandb_api_key", "abc123", "--seed", "1"], ["--wandb_api_key", "***", "--seed", "1"]],
    [["--wandb-api-key=abc123"], ["--wandb-api-key=***"]],
    [["--wandb_ap", "abc123"], ["--wandb_ap", "***"]],
    [["--huggingface_tok=xyz"], ["--huggingface_tok=***"]],
    [["--huggingface_token", "--seed", "1"], ["--huggingface_token", "--seed", "1"]],
    [["--vae", "/home/me/keys/token.pt"], ["--vae", "/home/me/keys/token.pt"]],
    [["--max_token_length", "225", "--keep_tokens", "2"], [
      "--max_token_length",
      "225",
      "--keep_tokens",
      "2",
    ]],
    [["--prompt", "hf_abcdefghijklmnop"], ["--prompt", "hf_***"]],
    [["--vae", "https://me:pw@host/x"], ["--vae", "https://me:***@host/x"]],
  ];
  for (const [argv, masked] of cases) assert.deepEqual(withoutSecrets(argv), masked);
});

Deno.test("every flag that is marked secret, or reads like one, is masked", async () => {
  for (const entry of COMMANDS) {
    for (const [name, row] of Object.entries(rowsOf((await entry.load()).groups))) {
      const sounds = /(api_?key|^token$|(?<!_per)_token$|secret|password)/.test(name);
      assert.equal(row.secret ?? false, sounds, `${entry.name} --${name}`);
      assert.equal(SECRET_FLAGS.includes(name), sounds, `${entry.name} --${name}`);
    }
  }
});

Deno.test("an error that is no UserError ends with status 1 and the block, a UserError with one line", async () => {
  const program = new URL("../../../src/cli/front/program.ts", import.meta.url).href;
  const commands = new URL("../../../src/cli/commands/index.ts", import.meta.url).href;
  const code = (thrown: string) => `
    import { runProgram } from "${program}";
    import { COMMANDS } from "${commands}";
    COMMANDS.find((c) => c.name === "doctor").load = () => { throw ${thrown}; };
    Deno.exit(await runProgram(["doctor", "--wandb_api_key", "hunter2"]));`;
  const run = async (thrown: string) =>
    decoded(
      await new Deno.Command(Deno.execPath(), {
        args: ["eval", "--quiet", "--ext=ts", "--no-check", code(thrown)],
        cwd: new URL("../../../", import.meta.url),
      }).output(),
    );
  const bug = await run(`new TypeError("oops")`);
  assert.equal(bug.code, 1);
  assert.match(bug.stderr, /^easel doctor: internal error: TypeError: oops\nthis is a bug in easel\./);
  assert.match(bug.stderr, /^command: easel doctor --wandb_api_key '?\*\*\*'?$/m);
  assert.doesNotMatch(bug.stderr, /hunter2/);
  assert.match(bug.stderr, /^\s+at /m);
  const mendable = await run(`new Deno.errors.NotFound("gone")`);
  assert.equal(mendable.stderr, "easel doctor: gone\n");
});
