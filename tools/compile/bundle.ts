/** easel's own modules and most npm packages as a few JavaScript files. */

import { join } from "node:path";
import { run } from "./process.ts";

/** Packages that read files beside themselves (WebAssembly, native code): they go along as they are. */
export const UNBUNDLED = ["imagescript", "@jsquash/jpeg", "@jsquash/webp"] as const;

/**
 * Bundles main.ts of `root` into `folder`, one file for each part that is loaded on demand. `deno bundle` is
 * esbuild in the version that this Deno names, so the same sources give the same bytes wherever they lie.
 */
export async function bundle(root: string, folder: string): Promise<void> {
  const external = UNBUNDLED.flatMap((name) => ["--external", name, "--external", `${name}/*`]);
  const shape = ["--platform", "deno", "--code-splitting", "--minify", "--keep-names"];
  await run(Deno.execPath(), ["bundle", "--quiet", ...shape, ...external, "--outdir", folder, "main.ts"], {
    cwd: root,
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
