/** NVIDIA's libraries in the packages of the Python that is active. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { nvidiaFolders } from "../../src/runtime/nvidia_folders.ts";

Deno.test("folders of NVIDIA's packages are found in the active environment, beside python3 on PATH, and in the user's own", () => {
  const root = Deno.makeTempDirSync({ prefix: "easel-python-" });
  const folder = (...parts: string[]) => {
    const path = join(root, ...parts);
    Deno.mkdirSync(path, { recursive: true });
    return path;
  };
  const [cublas, cudnn] = ["cu13", "cudnn"].map((name) =>
    folder("venv/lib/python3.12/site-packages/nvidia", name, "lib")
  );
  folder("venv/lib/python3.12/site-packages/nvidia/no_libraries/include");
  Deno.writeTextFileSync(join(folder("venv/bin"), "python3"), "");
  const conda = folder("conda/lib/python3.11/site-packages/nvidia/cublas/lib");
  const own = folder("home/.local/lib/python3.12/site-packages/nvidia/cublas/lib");
  const system = folder("usr/lib/python3.11/dist-packages/nvidia/cublas/lib");
  Deno.writeTextFileSync(join(folder("usr/bin"), "python3"), "");
  const found = (variables: Record<string, string>) => nvidiaFolders((name) => variables[name]);
  const venv = join(root, "venv"), paths = ["/nowhere", join(root, "venv/bin"), join(root, "usr/bin")];
  assert.deepEqual(found({ VIRTUAL_ENV: venv }), [cublas, cudnn]);
  assert.deepEqual(found({ PATH: paths.join(":") }), [cublas, cudnn]);
  assert.deepEqual(found({ PATH: paths.join(":"), VIRTUAL_ENV: venv, CONDA_PREFIX: join(root, "conda") }), [
    cublas,
    cudnn,
    conda,
  ]);
  assert.deepEqual(found({ PATH: join(root, "usr/bin"), HOME: join(root, "home") }), [system, own]);
  assert.deepEqual(found({ PATH: "/nowhere", VIRTUAL_ENV: "/nowhere/venv" }), []);
  Deno.removeSync(root, { recursive: true });
});
