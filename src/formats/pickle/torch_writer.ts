/** Files as torch.save() writes them (.ckpt, .pt, .bin): a ZIP with a pickle and an entry for each tensor. */

import { atomicWrite, atomicWriteSlowly, writeAll } from "../../base/files/atomic.ts";
import { checkedOrder, tensorBytes, type TensorToWrite } from "../safetensors.ts";
import { ZipWriter } from "../zip/writer.ts";
import { pickledStateDict } from "./write.ts";

/** PyTorch maps storages from multiples of this. */
const ALIGNMENT = 64;

/** The folder inside the ZIP; readers take any. */
const FOLDER = "archive";

/** Numbers beside the tensors, which then lie in "state_dict": {epoch, global_step}. null: the tensors are all. */
export type TorchCounters = Readonly<Record<string, number>> | null;

/** Writes a whole file or none, one tensor in memory at a time. Throws as writeSafetensors() does. */
export function writeTorch(path: string, tensors: Iterable<TensorToWrite>, counters: TorchCounters): void {
  const ordered = checkedOrder(tensors);
  atomicWrite(path, (file) => {
    const zip = begun(file, ordered, counters);
    ordered.forEach((tensor, i) => zip.add(`${FOLDER}/data/${i}`, tensorBytes(path, tensor)));
    zip.end();
  });
}

/** The same where tensors take long to make: `pause` is awaited before each, and what it throws leaves no file. */
export async function writeTorchSlowly(
  path: string,
  tensors: Iterable<TensorToWrite>,
  counters: TorchCounters,
  pause: (next: TensorToWrite) => Promise<void>,
): Promise<void> {
  const ordered = checkedOrder(tensors);
  await atomicWriteSlowly(path, async (file) => {
    const zip = begun(file, ordered, counters);
    for (const [i, tensor] of ordered.entries()) {
      await pause(tensor);
      zip.add(`${FOLDER}/data/${i}`, tensorBytes(path, tensor));
    }
    zip.end();
  });
}

function begun(file: Deno.FsFile, tensors: readonly TensorToWrite[], counters: TorchCounters): ZipWriter {
  const zip = new ZipWriter((bytes) => writeAll(file, bytes), ALIGNMENT);
  const text = (value: string) => new TextEncoder().encode(value);
  zip.add(`${FOLDER}/data.pkl`, pickledStateDict(tensors, counters));
  zip.add(`${FOLDER}/byteorder`, text("little"));
  zip.add(`${FOLDER}/version`, text("3\n"));
  return zip;
}
