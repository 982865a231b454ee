/** `deno compile --self-extracting`, where Deno's runtime stub is at hand: DENORT_BIN, or Deno's own download. */

import { dirname, join } from "node:path";
import { cacheFolder } from "./deno_cache.ts";
import type { Payload } from "./payload.ts";
import { run } from "./process.ts";

/** The stub that `deno compile` would use without asking the network, or null. */
export function runtimeStub(): string | null {
  const named = Deno.env.get("DENORT_BIN");
  if (named) return named;
  const archive = join(
    cacheFolder(),
    `dl/release/v${Deno.version.deno}/denort-${Deno.build.arch}-unknown-linux-gnu.zip`,
  );
  try {
    return Deno.statSync(archive).isFile ? archive : null;
  } catch {
    return null;
  }
}

/** Lays the payload out in `work`, without `deno` and the system's libraries, and compiles it into `output`. */
export async function packSelfExtracting(work: string, payload: Payload, output: string): Promise<void> {
  const tree = join(work, "easel");
  for (const { path, source } of payload.files) {
    if (path === "deno" || path.startsWith("system/")) continue;
    Deno.mkdirSync(dirname(join(tree, path)), { recursive: true });
    Deno.copyFileSync(source, join(tree, path));
  }
  const include = ["assets", "build", "node_modules", "src/bundle", "LICENCES.txt"].flatMap((
    name,
  ) => ["--include", name]);
  Deno.mkdirSync(dirname(output), { recursive: true });
  await run(Deno.execPath(), [
    "compile",
    "--quiet",
    "--self-extracting",
    "--allow-all",
    "--no-config",
    "--no-lock",
    "--no-check",
    "--cached-only",
    "--node-modules-dir=manual",
    ...include,
    "--output",
    output,
    "src/bundle/main.js",
  ], { cwd: tree });
}
