/** A bare Debian to run in, made once by debootstrap and kept in .tools. */

import { join } from "node:path";
import { exists, hasProgram, ROOT } from "./built.ts";

const FOLDER = join(ROOT, ".tools/debian-root");

/** Why there is none and none can be made here, or null. Installs debootstrap where it is missing. */
export function noDebianRoot(): string | null {
  if (exists(FOLDER) || hasProgram("debootstrap")) return null;
  if (!hasProgram("apt-get")) return "debootstrap is missing, and apt-get too";
  const { success } = new Deno.Command("apt-get", {
    args: ["install", "-y", "--no-install-recommends", "debootstrap"],
    env: { DEBIAN_FRONTEND: "noninteractive" },
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).outputSync();
  return success ? null : "debootstrap is missing and apt cannot install it";
}

/**
 * The root's path, or null (and a line that says so) where debootstrap finds no network or takes more than four
 * minutes. Its first stage, all packages unpacked and none configured, is enough to run a program in. A half-made
 * root never gets the name.
 */
export async function debianRoot(): Promise<string | null> {
  if (exists(FOLDER)) return FOLDER;
  const unfinished = `${FOLDER}.new`;
  if (exists(unfinished)) await Deno.remove(unfinished, { recursive: true });
  const { code, stdout } = await new Deno.Command("timeout", {
    args: ["240", "debootstrap", "--foreign", "--variant=minbase", suite(), unfinished],
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).output();
  if (code !== 0) {
    const said = code === 124
      ? "it took too long"
      : new TextDecoder().decode(stdout).trim().split("\n").at(-1);
    console.log(`the test in a bare Debian is skipped: debootstrap failed (${said})`);
    return null;
  }
  await Deno.remove(join(unfinished, "var/cache/apt/archives"), { recursive: true });
  // Where debootstrap may not mount, it leaves a link to the outer /proc, which inside points to itself.
  const proc = join(unfinished, "proc");
  if ((await Deno.lstat(proc)).isSymlink) {
    await Deno.remove(proc);
    await Deno.mkdir(proc);
  }
  await Deno.rename(unfinished, FOLDER);
  return FOLDER;
}

/** This system's own release, where it is Debian. */
function suite(): string {
  const about = Deno.readTextFileSync("/etc/os-release");
  const codename = /^VERSION_CODENAME=(\w+)$/m.exec(about)?.[1];
  return /^ID=debian$/m.test(about) && codename ? codename : "bookworm";
}
