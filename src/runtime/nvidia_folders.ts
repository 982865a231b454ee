/**
 * Where Python's packages keep NVIDIA's libraries: PyTorch's wheels bring cuBLASLt, cuDNN and NVRTC, and no loader
 * looks there.
 */

import { dirname, join } from "node:path";
import { exists } from "../base/files/exists.ts";

type Lookup = (name: string) => string | undefined;

/**
 * Folders that hold such libraries, of the active environment first, then of the `python3` on PATH and the user's own
 * packages.
 */
export function nvidiaFolders(env: Lookup = (name) => Deno.env.get(name)): string[] {
  const prefixes = [env("VIRTUAL_ENV"), env("CONDA_PREFIX"), pythonPrefix(env("PATH") ?? "")];
  const home = env("HOME");
  if (home) prefixes.push(join(home, ".local"));
  const seen = new Set<string>();
  for (const prefix of prefixes) {
    if (!prefix) continue;
    for (const python of entries(join(prefix, "lib"), /^python3\.\d+$/)) {
      for (const packages of ["site-packages", "dist-packages"]) {
        const nvidia = join(python, packages, "nvidia");
        for (const folder of entries(nvidia, /./)) {
          if (exists(join(folder, "lib"))) seen.add(join(folder, "lib"));
        }
      }
    }
  }
  return [...seen];
}

/** The folder above bin/python3: of a virtual environment its own, not that of the Python it was made with. */
function pythonPrefix(path: string): string | undefined {
  const bin = path.split(":").find((folder) => folder && exists(join(folder, "python3")));
  return bin && dirname(bin);
}

/** Paths in a folder whose names match, sorted; none where it cannot be read. */
function entries(folder: string, name: RegExp): string[] {
  try {
    return [...Deno.readDirSync(folder)].map((entry) => entry.name).filter((n) => name.test(n)).sort()
      .map((n) => join(folder, n));
  } catch {
    return [];
  }
}
