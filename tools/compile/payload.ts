/** All files that the executable unpacks, laid out like a checkout. */

import { Buffer } from "node:buffer";
import { basename, join } from "node:path";
import { bundlePage } from "../../src/studio/bundle_page.ts";
import { bundle } from "./bundle.ts";
import { components, licencesText } from "./components.ts";
import type { Component } from "./component.ts";
import { neededLibraries, requiredGlibc } from "./libraries.ts";
import { packageFiles, walk } from "./packages.ts";
import type { PayloadFile } from "./payload_file.ts";

export interface Payload {
  readonly files: readonly PayloadFile[];
  readonly components: readonly Component[];
  /** The oldest glibc that the files run on, and the file that asks for it. */
  readonly glibc: { readonly version: string; readonly path: string };
}

/** How every fatbin of nvcc begins. */
const FATBIN = Buffer.from([0x50, 0xed, 0x55, 0xba]);

/** The libraries that were built; that of CUDA only with kernels in it, which takes nvcc (tools/build_cuda.sh). */
function builtLibraries(root: string): string[] {
  const [cpu, cuda] = ["cpu", "cuda"].map((name) => join(root, `build/libeasel_${name}.so`));
  const kernels = exists(cuda) && Buffer.from(Deno.readFileSync(cuda).buffer).includes(FATBIN);
  return [cpu, ...kernels ? [cuda] : []].filter(exists);
}

/** Gathers the payload; what has to be made for it goes into `work`, an empty folder. */
export async function gatherPayload(root: string, work: string): Promise<Payload> {
  const built = builtLibraries(root);
  if (!built.some((path) => path.endsWith("_cpu.so"))) {
    throw new Error("build/libeasel_cpu.so is missing; ./run task build compiles it");
  }
  const packages = packageFiles();
  const native = packages.filter(({ path }) => path.endsWith(".node")).map(({ source }) => source);
  const { beside, system } = await neededLibraries([Deno.execPath(), ...built, ...native]);

  await bundle(root, join(work, "sources"), join(work, "bundle"));
  await bundlePage(root, join(work, "studio"));
  const libraries = [...built, ...beside].map((source) => file(`build/${basename(source)}`, source));
  const own = system.map((source) => file(`system/${basename(source)}`, source, 0o755));
  const debian = new Map(
    [...libraries, ...own].filter(({ source }) => !built.includes(source))
      .map(({ path, source }) => [path, source]),
  );
  const parts = await components(debian);
  Deno.writeTextFileSync(join(work, "LICENCES.txt"), licencesText(root, parts));

  const files = [
    file("deno", Deno.execPath(), 0o755),
    ...libraries,
    ...own,
    ...packages,
    ...folder("assets", join(root, "assets")),
    ...folder("build/studio", join(work, "studio")),
    ...folder("src/bundle", join(work, "bundle")),
    file("LICENCES.txt", join(work, "LICENCES.txt")),
  ].sort((a, b) => a.path < b.path ? -1 : 1);
  const glibc = await requiredGlibc([Deno.execPath(), ...built, ...beside, ...native]);
  return { files, components: parts, glibc };
}

function file(path: string, source: string, mode = 0o644): PayloadFile {
  return { path, source: Deno.realPathSync(source), mode };
}

function folder(path: string, source: string): PayloadFile[] {
  return walk(source).map((name) => file(`${path}/${name}`, join(source, name)));
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
