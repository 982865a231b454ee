/** Help, docs/cli.md and the manual page, all from the flag tables; their examples work when pasted. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { COMMANDS } from "../../../src/cli/commands/index.ts";
import { loadCommands, shellLines } from "../../../src/cli/pages/describe.ts";
import { commandHelp } from "../../../src/cli/pages/help.ts";
import { manPage } from "../../../src/cli/pages/man.ts";
import { commandLinePage } from "../../../src/cli/pages/markdown.ts";
import { decoded, easel, inFolder, installed, ROOT, userFolder } from "../easel.ts";

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

Deno.test("help fits the width that it is given, but for quoted prompts and single words", async () => {
  for (const { entry, command } of await loadCommands(COMMANDS)) {
    for (const width of [70, 100]) {
      for (const line of commandHelp(entry, command, width).split("\n")) {
        assert.ok(
          line.length <= width || line.includes('"') || !line.trim().includes(" "),
          `${entry.name}: ${line}`,
        );
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
      // the one needs the pictures and minutes of its own test, the other serves until it is stopped (tests/studio)
      if (entry.name === "demo" || entry.name === "studio") continue;
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

interface Module {
  readonly specifier: string;
  readonly dependencies?: readonly {
    readonly code?: { readonly specifier: string };
    readonly isDynamic?: boolean;
  }[];
}

/** The modules of the program by name, as Deno lists them. */
async function modulesOf(path: string): Promise<Map<string, Module>> {
  const { stdout } = decoded(
    await new Deno.Command(Deno.execPath(), { args: ["info", "--json", join(ROOT, path)] }).output(),
  );
  const { modules } = JSON.parse(stdout) as { modules: Module[] };
  return new Map(modules.map((module) => [shortName(module.specifier), module]));
}

const shortName = (specifier: string) => specifier.replace(/^.*\/(?=(src|ffi)\/|main\.ts)/, "");

/** What is loaded with `start`: what stands behind a dynamic import is left out. */
function loadedWith(start: string, modules: ReadonlyMap<string, Module>): string[] {
  const seen = new Set<string>(), open = [start];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (seen.has(name)) continue;
    seen.add(name);
    for (const { code, isDynamic } of modules.get(name)?.dependencies ?? []) {
      if (code && !isDynamic) open.push(shortName(code.specifier));
    }
  }
  return [...seen].sort();
}

Deno.test("easel --help does not load what it does not need", async () => {
  const loaded = loadedWith("main.ts", await modulesOf("main.ts"));
  assert.ok(loaded.length <= 13, loaded.join("\n"));
});

Deno.test("the help of a command does not load what computes", async () => {
  const modules = await modulesOf("src/cli/commands/index.ts");
  const commands = (modules.get("src/cli/commands/index.ts")?.dependencies ?? [])
    .filter(({ isDynamic }) => isDynamic).map(({ code }) => shortName(code!.specifier));
  assert.ok(commands.length >= 10);
  const computes =
    /^src\/(models\/(unet|vae|clip)\/|images\/load\.ts|data\/mod\.ts|data\/batches\/loader\.ts|training\/loop\/trainer\.ts|runtime\/mod\.ts)/;
  const heavy = commands.flatMap((command) =>
    loadedWith(command, modules).filter((name) => computes.test(name)).map((name) => `${command}: ${name}`)
  );
  assert.deepEqual(heavy, []);
});
