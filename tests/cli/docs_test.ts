/** Help, docs/cli.md and the manual page, all from the flag tables; their examples work when pasted. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { COMMANDS } from "../../src/cli/commands/index.ts";
import { loadCommands, shellLines } from "../../src/cli/pages/describe.ts";
import { commandHelp } from "../../src/cli/pages/help.ts";
import { manPage } from "../../src/cli/pages/man.ts";
import { commandLinePage } from "../../src/cli/pages/markdown.ts";
import { decoded, easel, inFolder, installed, ROOT, userFolder } from "./easel.ts";

Deno.test("docs/cli.md is fresh", async () => {
  const page = await Deno.readTextFile(join(ROOT, "docs/cli.md"));
  assert.ok(page === await commandLinePage(), "docs/cli.md is stale: run deno task docs");
});

Deno.test("docs/cli.md and the manual page have every flag of every command", async () => {
  const page = await commandLinePage(), man = await manPage(COMMANDS);
  for (const { entry, command } of await loadCommands(COMMANDS)) {
    assert.ok(page.includes(`\n## ${entry.name}\n`), entry.name);
    for (const name of command.groups.flatMap(({ rows }) => Object.keys(rows))) {
      assert.ok(page.includes(`\`--${name}\``), name);
      assert.ok(man.includes(`\\-\\-${name}`), name);
    }
  }
});

Deno.test("help fits the width that it is given, but for quoted prompts", async () => {
  for (const { entry, command } of await loadCommands(COMMANDS)) {
    for (const width of [70, 100]) {
      for (const line of commandHelp(entry, command, width).split("\n")) {
        assert.ok(line.length <= width || line.includes('"'), `${entry.name}: ${line}`);
      }
    }
  }
});

Deno.test("shellLines() breaks before flags and never inside quotes", () => {
  const lines = shellLines('easel gen_img --prompt "a cat --n dog" --W 64', 24);
  assert.deepEqual(lines, ["easel gen_img \\", '  --prompt "a cat --n dog" \\', "  --W 64"]);
});

Deno.test("the manual page is right for man, groff and mandoc", async (test) => {
  const checks: [string, string[]][] = [
    ["mandoc", ["-Tlint", "-Werror"]],
    ["man", ["--warnings", "-l"]],
    ["groff", ["-ww", "-man", "-Tutf8"]],
  ];
  await inFolder(async (folder) => {
    const path = join(folder, "easel.1");
    const { code, stdout } = await easel(["man"]);
    assert.equal(code, 0);
    await Deno.writeTextFile(path, stdout);
    for (const [program, args] of checks) {
      await test.step({
        name: installed(program) ? program : `${program} is not installed`,
        ignore: !installed(program),
        async fn() {
          const out = decoded(
            await new Deno.Command(program, {
              args: [...args, path],
              env: { MANPAGER: "cat", LC_ALL: "C.UTF-8", MAN_KEEP_FORMATTING: "" },
            }).output(),
          );
          assert.deepEqual([out.code, out.stderr], [0, ""]);
          // bold is struck twice
          // deno-lint-ignore no-control-regex -- backspaces and escapes of the terminal
          const shown = out.stdout.replace(/.\x08|\x1b\[[\d;]*m/g, "");
          if (program !== "mandoc") assert.match(shown, /^ +--learning_rate X$/m);
        },
      });
    }
  });
});

Deno.test("the examples of the help work when pasted, in the order of the page", async () => {
  await inFolder(async (folder) => {
    const env = await userFolder(folder);
    await Deno.mkdir(join(folder, "home"));
    let pasted = 0;
    for (const { entry, command } of await loadCommands(COMMANDS)) {
      if (entry.name === "demo") continue; // needs the pictures and minutes of its own test
      for (const example of command.examples ?? []) {
        const text = shellLines(example, 80).join("\n");
        const { code, stderr } = decoded(
          await new Deno.Command("bash", {
            args: ["-c", text],
            cwd: folder,
            env: { ...env, HOME: join(folder, "home") },
            stdin: "null",
          }).output(),
        );
        pasted++;
        const large = /(sdxl|upscaler)\.safetensors/.exec(text);
        if (large) { // no such model is small; all but the file is right
          assert.ok(stderr.includes(`: ${large[0]}: does not exist (--`), stderr);
          continue;
        }
        assert.equal(code, 0, `${text}\n${stderr}`);
      }
    }
    assert.ok(pasted >= 10);
    for (const path of ["out/cat.safetensors", "out/cat16.safetensors", "out/tuned.safetensors", "easel.1"]) {
      await Deno.stat(join(folder, path));
    }
    assert.equal([...Deno.readDirSync(join(folder, "pictures"))].length, 3);
  });
});

Deno.test("easel --help does not load what it does not need", async () => {
  const { stdout } = decoded(
    await new Deno.Command(Deno.execPath(), { args: ["info", "--json", join(ROOT, "main.ts")] }).output(),
  );
  // everything behind a dynamic import is left out of a start
  const { modules, roots } = JSON.parse(stdout) as {
    roots: string[];
    modules: { specifier: string; dependencies?: { code?: { specifier: string }; isDynamic?: boolean }[] }[];
  };
  const byName = new Map(modules.map((module) => [module.specifier, module]));
  const seen = new Set<string>(), open = [...roots];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (seen.has(name)) continue;
    seen.add(name);
    for (const { code, isDynamic } of byName.get(name)?.dependencies ?? []) {
      if (code && !isDynamic) open.push(code.specifier);
    }
  }
  const loaded = [...seen].map((name) => name.replace(/^.*\/(?=(src|ffi)\/)/, "")).sort();
  assert.ok(loaded.length <= 12, loaded.join("\n"));
});
