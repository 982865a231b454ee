/** The payload behind a launcher of our own, where Deno's runtime stub cannot be had. */

import { dirname, join } from "node:path";
import config from "../../deno.json" with { type: "json" };
import { temporaryPath } from "../../src/base/files/temporary.ts";
import type { Payload } from "./payload.ts";
import { run } from "./process.ts";

const FOLDERS = [".", "cache"];
const SOURCES = [
  ...["main.cpp", "host.cpp", "payload.cpp"],
  ...["cache.cpp", "mark.cpp", "tree.cpp", "verify.cpp"].map((name) => `cache/${name}`),
];
const FLAGS = ["-std=c++20", "-O2", "-Wall", "-Wextra", "-ffunction-sections", "-s"];

/** Writes the executable to `output`. The launcher and its packer are kept in build/launcher. */
export async function packWithLauncher(root: string, payload: Payload, output: string): Promise<void> {
  const source = join(root, "tools/launcher"), built = join(root, "build/launcher");
  Deno.mkdirSync(built, { recursive: true });
  const newest = Math.max(
    ...FOLDERS.flatMap((folder) =>
      [...Deno.readDirSync(join(source, folder))].map(({ name }) => modified(join(source, folder, name)))
    ),
  );
  const compile = async (name: string, sources: string[], flags: string[]) => {
    const path = join(built, name);
    if (modified(path) > newest) return path;
    const made = temporaryPath(path);
    await run("c++", [...FLAGS, ...flags, ...sources, "-lzstd", "-o", made], { cwd: source });
    Deno.renameSync(made, path);
    return path;
  };
  // Static: it runs where the C library is older than ours, or another one.
  const launcher = await compile("launcher", SOURCES, ["-static", "-Wl,--gc-sections"]);
  const pack = await compile("pack", ["pack.cpp"], ["-pthread"]);
  const list = payload.files.map(({ path, source, mode }) => `${mode.toString(8)} ${path}\t${source}\n`).join(
    "",
  );
  Deno.mkdirSync(dirname(output), { recursive: true });
  const temporary = temporaryPath(output);
  try {
    await run(pack, [launcher, config.version, payload.glibc.version, temporary], { stdin: list });
    Deno.chmodSync(temporary, 0o755);
    Deno.renameSync(temporary, output);
  } catch (error) {
    Deno.removeSync(temporary);
    throw error;
  }
}

/** When a file was written, in milliseconds; 0 where there is none. */
function modified(path: string): number {
  try {
    return Deno.statSync(path).mtime?.getTime() ?? 0;
  } catch {
    return 0;
  }
}
