/** Files of tensors: safetensors, pickles, npz. */

import { unzipSync, zipSync } from "fflate";
import { join } from "node:path";
import { latentFileMisfit, writeLatentFile } from "../../../src/data/cache/latent_file.ts";
import { openCheckpoint } from "../../../src/formats/mod.ts";
import type { TensorFile } from "../../../src/formats/tensor_file.ts";
import { fileModules, loadLora } from "../../../src/networks/mod.ts";
import type { PythonRandom } from "../../../src/random/mod.ts";
import { inspectFile } from "../../../src/tools/inspect.ts";
import { TINY, writeTinyLora } from "../../training/tiny_run.ts";
import { mutate } from "../mutate.ts";
import { type Topic, tryAll } from "../topic.ts";

/** The bytes that `write` makes at a path. */
function written(write: (path: string) => void): Uint8Array {
  const folder = Deno.makeTempDirSync(), path = join(folder, "seed.safetensors");
  write(path);
  const bytes = Deno.readFileSync(path);
  Deno.removeSync(folder, { recursive: true });
  return bytes;
}

function useTensors(bytes: Uint8Array, folder: string): number {
  const path = join(folder, "a.safetensors");
  Deno.writeFileSync(path, bytes);
  using file: TensorFile = openCheckpoint(path);
  return tryAll([
    () => file.keys().forEach((key) => file.f32(key)),
    () => fileModules(file, TINY.family).forEach((module) => [module.down(), module.up()]),
    () => loadLora(file, TINY.shapes, TINY.family),
    () => inspectFile(path),
  ]);
}

export const safetensors: Topic = {
  seeds: () => {
    const small = written((path) => writeTinyLora(path, "a", 1, { ss_tag: '{"a": 1}' }));
    return [small, written((path) => writeTinyLora(path, "b", 2))];
  },
  run: useTensors,
};

const fixture = (name: string) => Deno.readFileSync(new URL(`../../data/formats/${name}`, import.meta.url));

export const pickle: Topic = {
  seeds: () => [fixture("torch_zip.pt"), fixture("torch_legacy.pt")],
  mutate: insideZip,
  run: useTensors,
};

const CACHED = {
  ...{ width: 8, height: 8, channels: 4, originalSize: [70, 64], cropBox: [0, 0, 64, 64] },
  latents: Float32Array.from({ length: 256 }, (_, i) => i / 100),
  flipped: Float32Array.from({ length: 256 }, (_, i) => i / 50),
  alphaMask: new Float32Array(4096).fill(1),
};

export const npz: Topic = {
  seeds: () => {
    const stored = written((path) => writeLatentFile(path, CACHED, TINY.family.latent));
    return [stored, zipSync(unzipSync(stored), { level: 6 })];
  },
  mutate: insideZip,
  run: (bytes, folder) => {
    const path = join(folder, "a.npz");
    Deno.writeFileSync(path, bytes);
    const wanted = { latent: TINY.family.latent, flipped: true, alphaMask: true };
    return latentFileMisfit(path, { ...wanted, bucket: [64, 64] }) === null ? 1 : 0;
  },
};

/** An archive gets its damage inside, under right checksums; other files as they are. */
function insideZip(seed: Uint8Array, seeds: readonly Uint8Array[], random: PythonRandom): Uint8Array {
  if (seed[0] !== 0x50) return mutate(seed, seeds, random);
  const entries: Record<string, Uint8Array> = unzipSync(seed), names = Object.keys(entries);
  const read = names.filter((name) => name.endsWith(".pkl") || name.endsWith(".npy"));
  const name = random.choice(random.random() < 0.9 ? read : names);
  entries[name] = mutate(entries[name], Object.values(entries), random);
  return zipSync(entries, { level: random.choice([0, 6]) });
}
