/** Shared libraries: what easel's own and Deno need, and which of that a system has anyway. */

import { basename } from "node:path";
import { run } from "./process.ts";

/**
 * The C library's parts and libgcc_s, which Deno is linked with. They lie apart, in system/, and are only used
 * where the system's own are missing or older.
 */
const SYSTEM = /^(ld-linux-.*|libc|libm|libdl|libpthread|librt|libgcc_s)\.so\.\d+$/;

export interface Libraries {
  /** What lies beside easel's libraries, oneDNN and what it needs. */
  readonly beside: readonly string[];
  /** glibc and libgcc_s. */
  readonly system: readonly string[];
}

/** Everything that the given programs and libraries load, from this machine. Throws Error for a missing one. */
export async function neededLibraries(paths: readonly string[]): Promise<Libraries> {
  const beside = new Map<string, string>(), system = new Map<string, string>();
  for (const path of paths) {
    for (const line of (await run("ldd", [path])).split("\n")) {
      const found = /^\s*(?:(\S+) => )?(\/.+?|not found)(?: \(0x[0-9a-f]+\))?$/.exec(line.trimEnd());
      if (!found) continue;
      const [, name, place] = found;
      if (place === "not found") throw new Error(`${path}: ${name} is not on this machine`);
      const target = name ?? basename(place);
      (SYSTEM.test(basename(target)) ? system : beside).set(basename(target), place);
    }
  }
  const sorted = (map: Map<string, string>) => [...map.values()].sort();
  return { beside: sorted(beside), system: sorted(system) };
}

/** The newest version of glibc that any of the files asks for, such as "2.36", and which file does. */
export async function requiredGlibc(paths: readonly string[]): Promise<{ version: string; path: string }> {
  let newest = { version: "2.0", path: "" };
  for (const path of paths) {
    for (
      const [, version] of (await run("objdump", ["-T", path])).matchAll(/\(?GLIBC_(\d+\.\d+)(?:\.\d+)?\)?/g)
    ) {
      if (compare(version, newest.version) > 0) newest = { version, path };
    }
  }
  return newest;
}

function compare(a: string, b: string): number {
  const [aMajor, aMinor] = a.split(".").map(Number), [bMajor, bMinor] = b.split(".").map(Number);
  return aMajor - bMajor || aMinor - bMinor;
}
