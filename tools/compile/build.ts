/** From a checkout with its libraries built to one executable. */

import { basename } from "node:path";
import { packWithLauncher } from "./launcher.ts";
import { gatherPayload, type Payload } from "./payload.ts";
import { packSelfExtracting, runtimeStub } from "./self_extracting.ts";

/** Writes the executable and says what went into it. Returns what it carries. */
export async function buildExecutable(root: string, output: string): Promise<Payload> {
  if (Deno.build.os !== "linux") throw new Error(`executables are made for Linux, not for ${Deno.build.os}`);
  const work = Deno.makeTempDirSync({ prefix: "easel compile " });
  try {
    const payload = await gatherPayload(root, work);
    const stub = runtimeStub();
    console.log(`packing ${payload.files.length} files`);
    if (stub) await packSelfExtracting(work, payload, output);
    else await packWithLauncher(root, payload, output);
    report(payload, output, stub);
    return payload;
  } finally {
    Deno.removeSync(work, { recursive: true });
  }
}

function report(payload: Payload, output: string, stub: string | null): void {
  const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
  const size = (path: string) => Deno.statSync(path).size;
  const unpacked = payload.files.reduce((sum, { source }) => sum + size(source), 0);
  console.log(
    `${output}: ${megabytes(size(output))}, ${megabytes(unpacked)} unpacked, ${payload.files.length} files`,
  );
  console.log(stub ? `behind Deno's runtime stub ${stub}` : "behind easel's launcher, with Deno itself");
  if (!payload.files.some(({ path }) => path === "build/libeasel_cuda.so")) {
    console.log(
      "without GPU code: it computes on the CPU (code for NVIDIA GPUs takes nvcc where this is made)",
    );
  }
  const { version, path } = payload.glibc;
  console.log(
    `needs glibc ${version} (${basename(path)})${stub ? "" : "; brings its own for older systems"}`,
  );
}
