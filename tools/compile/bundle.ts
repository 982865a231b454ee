/** easel's own modules and most npm packages as a few JavaScript files. */

import { join } from "node:path";
import { cacheFolder } from "./deno_cache.ts";
import { run } from "./process.ts";

/** Packages that read files beside themselves (WebAssembly, native code): they go along as they are. */
export const UNBUNDLED = [
  "imagescript",
  "@jsquash/avif",
  "@jsquash/jpeg",
  "@jsquash/jxl",
  "@jsquash/webp",
] as const;

/** What is bundled, and what says how. */
const SOURCES = ["main.ts", "worker.ts", "deno.json", "deno.lock", "ffi", "src"];

/**
 * Bundles main.ts and worker.ts of `root` into `folder`, one file for each part that is loaded on demand. `deno bundle` is
 * esbuild in the version that this Deno names. It hashes the paths from one source to another into the names of
 * its files, so sources and packages are first copied beside each other into `work`: then they give the same bytes
 * wherever the checkout and Deno's cache lie.
 */
export async function bundle(root: string, work: string, folder: string): Promise<void> {
  const cache = join(work, ".deno");
  Deno.mkdirSync(cache, { recursive: true });
  Deno.mkdirSync(join(cacheFolder(), "dl"), { recursive: true }); // esbuild itself, kept between builds
  Deno.symlinkSync(join(cacheFolder(), "dl"), join(cache, "dl"));
  await run("cp", ["-r", join(cacheFolder(), "npm"), cache]);
  await run("cp", ["-r", ...SOURCES.map((name) => join(root, name)), work]);
  const external = UNBUNDLED.flatMap((name) => ["--external", name, "--external", `${name}/*`]);
  const shape = ["--platform", "deno", "--code-splitting", "--minify", "--keep-names"];
  await run(Deno.execPath(), [
    "bundle",
    "--quiet",
    ...shape,
    ...external,
    "--outdir",
    folder,
    "main.ts",
    "worker.ts",
  ], {
    cwd: work,
    env: { DENO_DIR: cache },
  });
  for (const { name } of Deno.readDirSync(folder)) {
    const path = join(folder, name);
    Deno.writeTextFileSync(path, hideImports(Deno.readTextFileSync(path)));
  }
}

/**
 * Deno parses every file that an import() names by a plain string before the program starts: 8 MB of tokenizer
 * tables for `easel --version`, a quarter of a second. It cannot follow an expression, and loads it when it runs.
 */
function hideImports(code: string): string {
  return code.replace(/\bimport\(("\.\/[^"]+")\)/g, "import([$1][0])");
}
