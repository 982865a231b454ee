/** Running the program as a user does, for the tests of this folder. */

import { join } from "node:path";
import { writePictures, writeTinyModel } from "../training/tiny_run.ts";

export const ROOT = join(import.meta.dirname!, "../..");
const MAIN = join(ROOT, "main.ts");

/** No colours; threads that wait sleep, so that tests do not starve each other on a busy machine. */
const QUIET = { NO_COLOR: "1", OMP_WAIT_POLICY: "passive" };

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export function easelCommand(
  args: readonly string[],
  options: Partial<Deno.CommandOptions> = {},
): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-A", "--no-prompt", MAIN, ...args],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    ...options,
    env: { ...QUIET, ...options.env },
  });
}

export async function easel(
  args: readonly string[],
  options: Partial<Deno.CommandOptions> = {},
): Promise<Outcome> {
  return decoded(await easelCommand(args, options).output());
}

export function decoded({ code, stdout, stderr }: Deno.CommandOutput): Outcome {
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

export async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "easel cli " });
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/**
 * A folder with a small model as builtin:tiny (EASEL_ASSETS) and model.safetensors, pictures in images/ and what goes with them in edges/, a face of one of
 * them in faces.json, and `easel` in bin/.
 */
export async function userFolder(folder: string): Promise<Record<string, string>> {
  const assets = join(folder, "assets"), bin = join(folder, "bin");
  for (const name of [assets, bin]) await Deno.mkdir(name);
  writeTinyModel(join(assets, "tiny.safetensors"));
  await Deno.symlink(join(assets, "tiny.safetensors"), join(folder, "model.safetensors"));
  writePictures(join(folder, "images"), 3);
  await Deno.symlink("images/1_thing", join(folder, "edges"));
  const face = { bbox: [16, 16, 48, 50, 0.98], right_eye: [24, 30], left_eye: [40, 32] };
  await Deno.writeTextFile(join(folder, "faces.json"), JSON.stringify({ "0.png": [face] }));
  const quoted = [Deno.execPath(), "run", "--quiet", "-A", "--no-prompt", MAIN].map((word) => `'${word}'`);
  await Deno.writeTextFile(join(bin, "easel"), `#!/bin/sh\nexec ${quoted.join(" ")} "$@"\n`, { mode: 0o755 });
  return { PATH: `${bin}:${Deno.env.get("PATH") ?? ""}`, EASEL_ASSETS: assets, ...QUIET };
}

/** The path of a program, or null where it is not installed. */
export function installed(name: string): string | null {
  for (const folder of (Deno.env.get("PATH") ?? "").split(":")) {
    try {
      if (Deno.statSync(join(folder, name)).isFile) return join(folder, name);
    } catch { /* not there */ }
  }
  return null;
}
