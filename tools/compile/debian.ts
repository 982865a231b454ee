/** The Debian (or Ubuntu) packages that libraries come from, and their licences. */

import { run } from "./process.ts";
import type { Component } from "./component.ts";

/** SPDX names by source package. A package that is not here has to be looked at by somebody first. */
const LICENCES: Readonly<Record<string, string>> = {
  gcc: "GPL-3.0-or-later WITH GCC-exception-3.1",
  glibc: "LGPL-2.1-or-later",
  libzstd: "BSD-3-Clause",
  "ocl-icd": "BSD-2-Clause",
  onednn: "Apache-2.0",
  xxhash: "BSD-2-Clause",
};

/** Texts that the packages' copyright files only point to. */
const COMMON: Readonly<Record<string, readonly string[]>> = {
  gcc: ["GPL-3"],
  glibc: ["LGPL-2.1"],
  onednn: ["Apache-2.0"],
};

/** Packages whose code is linked into the launcher. */
const LAUNCHER = ["libzstd-dev", "libxxhash-dev", "libc6-dev"];

/** One component for each package; `files` maps a library's unpacked path to where it comes from. */
export async function debianComponents(files: ReadonlyMap<string, string>): Promise<Component[]> {
  const packages = new Map<string, string[]>(LAUNCHER.map((name) => [name, []]));
  for (const [path, source] of files) {
    const name = await packageOf(source);
    packages.set(name, [...(packages.get(name) ?? []), path]);
  }
  const system = /^ID=(.*)$/m.exec(Deno.readTextFileSync("/etc/os-release"))?.[1].replaceAll('"', "") ??
    "debian";
  const components: Component[] = [];
  for (const [name, paths] of [...packages].sort()) components.push(await component(name, paths, system));
  return components;
}

async function component(name: string, files: string[], system: string): Promise<Component> {
  const format = "${Version}|${source:Package}|${source:Version}|${Homepage}|${Architecture}\n";
  const shown = (await run("dpkg-query", ["-W", "-f", format, name])).split("\n")[0];
  const [version, source, sourceVersion, homepage, architecture] = shown.split("|");
  const family = source.replace(/-\d+$/, "");
  const licence = LICENCES[family];
  if (!licence) throw new Error(`${name}: tools/compile/debian.ts knows no licence for its source ${source}`);
  const texts = [
    `/usr/share/doc/${name}/copyright`,
    ...(COMMON[family] ?? []).map((text) => `/usr/share/common-licenses/${text}`),
  ];
  return {
    name,
    version,
    kind: "debian",
    licence,
    homepage,
    purl: `pkg:deb/${system}/${name}@${encodeURIComponent(version)}?arch=${architecture}` +
      `&upstream=${source}%40${encodeURIComponent(sourceVersion)}`,
    files: files.sort(),
    licenceText: texts.map((path) => Deno.readTextFileSync(path).trim()).join("\n\n"),
  };
}

async function packageOf(path: string): Promise<string> {
  const real = Deno.realPathSync(path);
  // Where /lib is a link to /usr/lib, dpkg knows some files by the one name and some by the other.
  for (const name of [real, real.replace(/^\/usr/, ""), path, `/usr${path}`]) {
    try {
      return (await run("dpkg-query", ["-S", name])).split(":")[0];
    } catch { /* under another name */ }
  }
  throw new Error(`${path}: belongs to no Debian package, so its version and licence cannot be told`);
}
