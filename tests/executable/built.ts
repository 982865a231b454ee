/** The executable that these tests run, built once for all of them, and ways to run it. */

import { join } from "node:path";
import { buildExecutable } from "../../tools/compile/build.ts";

export const ROOT = join(import.meta.dirname!, "../..");

/** Why the executable cannot be built here, or null. */
export function cannotBuild(): string | null {
  if (Deno.build.os !== "linux") return "executables are made for Linux";
  if (Deno.env.get("DENORT_BIN")) return "DENORT_BIN is set, and these tests are about easel's own launcher";
  for (const header of ["zstd.h", "xxhash.h"]) {
    if (!exists(`/usr/include/${header}`)) return `${header} is missing; ./run task compile installs it`;
  }
  if (!hasProgram("c++") || !hasProgram("objdump")) {
    return "a C++ compiler is missing; ./run test installs it";
  }
  return null;
}

export const isRoot = Deno.uid() === 0;

/** Why file systems cannot be mounted and other roots entered here, or null. A container may forbid it to root. */
export function cannotMount(): string | null {
  if (!isRoot) return "mounting and chroot need root";
  const script = "mount -t tmpfs none /mnt && exec chroot / true";
  try {
    const { success } = new Deno.Command("unshare", { args: ["--net", "--mount", "/bin/sh", "-c", script] })
      .outputSync();
    return success ? null : "mounting and chroot are not permitted here";
  } catch {
    return "unshare is missing";
  }
}

/** A user who is not root and owns nothing; without root, whoever runs the tests. */
export const PLAIN_USER = isRoot ? 54321 : Deno.uid()!;

export interface Executable {
  /** In a folder whose name has a space and letters beyond ASCII. */
  readonly path: string;
  readonly bytes: number;
}

let built: Promise<Executable> | undefined;

/** Builds it at the first call, or takes the one that EASEL_TEST_EXECUTABLE names. */
export function executable(): Promise<Executable> {
  built ??= (async () => {
    const folder = openFolder("easel bäckerei ");
    addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
    const path = join(folder, "easel ✓"), given = Deno.env.get("EASEL_TEST_EXECUTABLE");
    if (given) await Deno.copyFile(given, path);
    else await buildExecutable(ROOT, path);
    return { path, bytes: size(path)! };
  })();
  return built;
}

/** A temporary folder that every user may look into. */
export function openFolder(prefix: string): string {
  const folder = Deno.makeTempDirSync({ prefix });
  Deno.chmodSync(folder, 0o755);
  return folder;
}

/** Calls `body` with a temporary folder that belongs to PLAIN_USER. */
export async function withFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = openFolder("easel tést ");
  if (isRoot) Deno.chownSync(folder, PLAIN_USER, PLAIN_USER);
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

export interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command in an empty environment but for `env`. */
export function command(words: readonly string[], env: Record<string, string> = {}, cwd = "/"): Deno.Command {
  const [program, ...args] = words;
  return new Deno.Command(program, {
    args,
    cwd,
    env,
    clearEnv: true,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
}

/** `words` as PLAIN_USER. */
export function asPlainUser(words: readonly string[]): string[] {
  const id = String(PLAIN_USER);
  return isRoot ? ["/usr/bin/setpriv", "--reuid", id, "--regid", id, "--clear-groups", ...words] : [...words];
}

/** Runs a command in an empty environment to its end. */
export async function finish(words: readonly string[], env: Record<string, string> = {}): Promise<Result> {
  const { code, stdout, stderr } = await command(words, env).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

/** Names in a folder, sorted; none where there is no folder. */
export function names(folder: string): string[] {
  try {
    return [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
  } catch {
    return [];
  }
}

export function hasProgram(name: string): boolean {
  return (Deno.env.get("PATH") ?? "").split(":").concat("/usr/sbin", "/sbin").some((path) =>
    exists(join(path, name))
  );
}

export function exists(path: string): boolean {
  return size(path) !== null;
}

function size(path: string): number | null {
  try {
    return Deno.statSync(path).size;
  } catch {
    return null;
  }
}
