/** The hashes by which web interfaces know model files again. */

import { createHash, type Hash } from "node:crypto";
import { join } from "node:path";
import { isFolder } from "../base/files/exists.ts";
import { FileReader } from "./file_reader.ts";
import { encodeHeader, inFileOrder, type TensorToWrite } from "./safetensors.ts";

const BLOCK = 1 << 20;

/** The window that the old hashes cover, in bytes of the file. */
const WINDOW_BEGIN = 0x100000, WINDOW_END = 0x110000;

/** SHA-256 of a whole file, hexadecimal. Throws UserError when it cannot be read. */
export function fileSha256(path: string): string {
  return hashRange(path, 0, Infinity).digest("hex");
}

/**
 * stable-diffusion-webui's old hash: the first 8 digits of the SHA-256 of 64 KiB at 1 MiB. Every shorter file has
 * e3b0c442, the hash of nothing. Throws UserError when it cannot be read.
 */
export function legacyHash(path: string): string {
  return hashRange(path, WINDOW_BEGIN, WINDOW_END).digest("hex").slice(0, 8);
}

const SAMPLES = 16, SAMPLE = 1 << 16;

/**
 * Tells models apart without reading all of them: a hash of the size and of 16 pieces spread over a file, or over each
 * file of tensors in a folder.
 */
export function sampleHash(path: string): string {
  if (isFolder(path)) {
    const hashes = tensorFiles(path).map((name) => `${name} ${sampleHash(join(path, name))}`);
    return createHash("sha256").update(hashes.join("\n")).digest("hex").slice(0, 12);
  }
  const file = new FileReader(path, "model file");
  try {
    const hash = createHash("sha256").update(String(file.size));
    const step = Math.max(SAMPLE, Math.floor((file.size - SAMPLE) / (SAMPLES - 1)));
    for (let at = 0; at < file.size; at += step) {
      hash.update(file.read(at, Math.min(SAMPLE, file.size - at)));
    }
    return hash.digest("hex").slice(0, 12);
  } finally {
    file.close();
  }
}

/** Relative paths, in name order; folders as deep as Diffusers models have them. */
function tensorFiles(folder: string): string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name }) => {
    const path = join(folder, name);
    if (!isFolder(path)) return /\.(safetensors|bin)$/.test(name) ? [name] : [];
    return [...Deno.readDirSync(path)].map((entry) => join(name, entry.name)).filter((inner) =>
      /\.(safetensors|bin)$/.test(inner)
    );
  }).sort();
}

function hashRange(path: string, begin: number, end: number): Hash {
  const file = new FileReader(path, "model file");
  try {
    const hash = createHash("sha256");
    const stop = Math.min(end, file.size);
    const block = new Uint8Array(Math.max(0, Math.min(BLOCK, stop - begin)));
    for (let at = begin; at < stop; at += BLOCK) {
      hash.update(file.readInto(at, block.subarray(0, Math.min(BLOCK, stop - at))));
    }
    return hash;
  } finally {
    file.close();
  }
}

/** SHA-256 of a safetensors file without its header, the sshs_model_hash that it should name; of another file of all. */
export function dataSha256(path: string): string {
  const file = new FileReader(path, "model file");
  try {
    const begin = 8 + Number(new DataView(file.read(0, 8).buffer).getBigUint64(0, true));
    return hashRange(path, begin <= file.size ? begin : 0, Infinity).digest("hex");
  } finally {
    file.close();
  }
}

/** What sd-webui-additional-networks looks for in a LoRA file's metadata. */
export interface NetworkHashes {
  /** sshs_model_hash: SHA-256 of the tensors' bytes, so metadata may change. */
  readonly modelHash: string;
  /** sshs_legacy_hash: the old hash of a file with only the metadata that start with ss_. */
  readonly legacyHash: string;
}

/** Hashes of tensors before they are written; asks for the bytes of each once, in file order. */
export function networkHashes(
  tensors: Iterable<TensorToWrite>,
  metadata: Readonly<Record<string, string>>,
): NetworkHashes {
  const ordered = inFileOrder(tensors);
  const kept = Object.fromEntries(Object.entries(metadata).filter(([key]) => key.startsWith("ss_")));
  const data = createHash("sha256"), window = createHash("sha256");
  let at = 0;
  const pass = (bytes: Uint8Array) => {
    const begin = Math.max(0, WINDOW_BEGIN - at), end = Math.min(bytes.length, WINDOW_END - at);
    if (begin < end) window.update(bytes.subarray(begin, end));
    at += bytes.length;
  };
  pass(encodeHeader(ordered, kept));
  for (const tensor of ordered) {
    const bytes = typeof tensor.data === "function" ? tensor.data() : tensor.data;
    data.update(bytes);
    pass(bytes);
  }
  return { modelHash: data.digest("hex"), legacyHash: window.digest("hex").slice(0, 8) };
}
