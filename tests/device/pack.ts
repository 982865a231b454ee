/**
 * deno task device-pack [FOLDER]: writes all that first.sh needs on a machine with a card, at most 60 MB, into FOLDER
 * (build/device-pack): first.sh, Deno, and this checkout as it is with npm packages and both libraries; the kernels for
 * compute capability 9.0, or those in EASEL_CUDA_ARCHS. Without the models in it, which nothing there needs. Minutes the
 * first time, then half a minute.
 */

import { basename, join } from "node:path";
import { ROOT } from "../../src/base/root.ts";
import { cacheFolder } from "../../tools/compile/deno_cache.ts";
import { neededLibraries, requiredGlibc } from "../../tools/compile/libraries.ts";
import { run } from "../../tools/compile/process.ts";
import { copyChanged } from "./copied.ts";

const MOST_BYTES = 60e6;
const LEFT_OUT = ["assets/tiny.safetensors", "docs/gallery/edges.safetensors"];
/** What comes with a compiler; used where the machine has none or an older one. */
const FROM_A_COMPILER = /^lib(stdc\+\+|gomp|gcc_s)\.so/;

const folder = Deno.args[0] ?? join(ROOT, "build/device-pack"), kept = join(ROOT, "build/device");
const staged = join(kept, "easel");
const say = (text: string) => console.log(`device-pack: ${text}`);
const sh = (script: string, ...args: string[]) => run("sh", ["-c", script, "sh", ...args], { cwd: ROOT });

/** The CUDA library in a copy of the sources, so that the checkout keeps the one that it has. */
async function cudaLibrary(): Promise<string> {
  const copy = join(kept, "cuda");
  for (const name of ["kernels", "tools"]) await copyChanged(join(ROOT, name), join(copy, name));
  const archs = Deno.env.get("EASEL_CUDA_ARCHS") ?? "90";
  say(`compiling the kernels for ${archs} where they changed`);
  await run("sh", [join(copy, "tools/build_cuda.sh")], { env: { EASEL_CUDA_ARCHS: archs } });
  const path = join(copy, "build/libeasel_cuda.so");
  if ((await Deno.readTextFile(join(copy, "build/cuda/images.cpp"))).includes('kToolkit = ""')) {
    throw new Error(
      "there is no nvcc here, and without it the CUDA library has no kernels; install the CUDA toolkit",
    );
  }
  return path;
}

/** spy.cpp, linked with an empty library of the driver's name: the true one is found where it runs. */
async function spyLibrary(): Promise<string> {
  const path = join(kept, "libeasel_spy.so"), stub = join(kept, "stub");
  await sh(
    `mkdir -p "$2"; echo | g++ -shared -x c++ - -o "$2/libcuda.so.1" -Wl,-soname,libcuda.so.1 &&
     g++ -std=c++17 -O1 -fPIC -shared -static-libstdc++ -static-libgcc -o "$1" tests/device/spy.cpp \
       -Wl,--no-as-needed -L"$2" -l:libcuda.so.1 -ldl`,
    path,
    stub,
  );
  return path;
}

/** The files that git knows or would add, Deno's npm packages and the libraries, laid out as a checkout is. */
async function stage(libraries: readonly string[]): Promise<void> {
  const beside = (await neededLibraries(libraries.slice(0, 2))).beside;
  await sh('rm -rf "$1"; mkdir -p "$1/build/fallback" "$1/.deno"', staged);
  await sh(
    `git ls-files -z --cached --others --exclude-standard | grep -zvxF ${
      LEFT_OUT.map((path) => `-e '${path}'`).join(" ")
    } | tar --null -T - -c | tar -C "$1" -x`,
    staged,
  );
  await sh('cp -a "$2/npm" "$1/.deno/"', staged, cacheFolder());
  for (const path of [...libraries, ...beside]) {
    const to = FROM_A_COMPILER.test(basename(path)) ? "build/fallback" : "build";
    await Deno.copyFile(path, join(staged, to, basename(path)));
  }
  await sh('strip --strip-debug "$1"/build/libeasel_*.so', staged);
}

/** Deno as an archive; kept from packing to packing, since it takes minutes. */
async function denoArchive(): Promise<string> {
  const path = join(kept, `deno-${Deno.version.deno}.xz`);
  const there = await Deno.stat(path).catch(() => null);
  if (there) return path;
  say("compressing Deno (minutes, once)");
  await sh('xz -9 -T0 -c "$1" >"$2.tmp" && mv "$2.tmp" "$2"', Deno.execPath(), path);
  return path;
}

async function main(): Promise<void> {
  const cpu = join(ROOT, "build/libeasel_cpu.so");
  if (!(await Deno.stat(cpu).catch(() => null))) {
    throw new Error(`${cpu} is missing; ./run task build makes it`);
  }
  await Deno.mkdir(kept, { recursive: true });
  await Deno.mkdir(folder, { recursive: true });
  const libraries = [cpu, await cudaLibrary(), await spyLibrary()];
  await stage(libraries);
  await sh('tar -C "$1" -c . | xz -6 -T0 >"$2"', staged, join(folder, "easel.tar.xz"));
  await Deno.copyFile(await denoArchive(), join(folder, "deno.xz"));
  await Deno.copyFile(join(ROOT, "tests/device/first.sh"), join(folder, "first.sh"));
  const glibc = await requiredGlibc([...libraries, Deno.execPath()]);
  const sum = (await sh('sha256sum "$1"/*.xz | sha256sum | cut -c 1-12', folder)).trim();
  await Deno.writeTextFile(join(folder, "stamp"), `easel ${sum}, glibc ${glibc.version} or newer\n`);
  let all = 0;
  for (const name of ["first.sh", "deno.xz", "easel.tar.xz"]) {
    const { size } = await Deno.stat(join(folder, name));
    all += size;
    say(`${name} ${(size / 1e6).toFixed(1)} MB`);
  }
  say(`${(all / 1e6).toFixed(1)} MB in ${folder}; there: sh ${basename(folder)}/first.sh`);
  if (all > MOST_BYTES) throw new Error(`that is over ${MOST_BYTES / 1e6} MB`);
}

try {
  await main();
} catch (error) {
  console.error(`device-pack: ${(error as Error).message}`);
  Deno.exit(1);
}
